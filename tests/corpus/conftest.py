"""Fixtures: the process that runs the cases, and the report of their durations and memory."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.corpus import report
from tests.corpus.report import Measured
from tests.corpus.running import Runner

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runner(database_engine: Engine, database_url: str) -> Iterator[Runner]:
    command = [sys.executable, "-m", "tests.corpus.fork_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as server:
        yield Runner(server, database_engine, database_url)
        # The server exits at the end of its input.
        server.communicate(timeout=60)


@pytest.fixture(scope="module")
def measured() -> Iterator[list[Measured]]:
    """Yield a list for the measurements of all cases; write the report at the end."""
    taken: list[Measured] = []
    yield taken
    if taken:
        report.write(taken)
