"""A real stack whose processes are killed, started once for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.failpoints import VARIABLE
from tests.e2e.stack import Stack, ledger_of, start_stack, stop_stack
from tests.faults.points import Points

SETTINGS = {
    # What was killed is tried again at once, but the number of tries and the bounds are those of a facility.
    "INGEST_RETRY_DELAY": "1",
    "INGEST_MAX_RETRY_DELAY": "2",
}


@pytest.fixture(scope="package")
def points(tmp_path_factory: pytest.TempPathFactory) -> Points:
    """The points at which processes of the stack can be killed."""
    return Points(tmp_path_factory.mktemp("failpoints"))


@pytest.fixture(scope="package")
def stack(points: Points, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack."""
    home = tmp_path_factory.mktemp("stack")
    process, stack = start_stack(Path(home), {**SETTINGS, VARIABLE: str(points.folder)})
    try:
        yield stack
    finally:
        stop_stack(process)


@pytest.fixture(scope="package")
def ledger(stack: Stack) -> Iterator[Engine]:
    """The stack's database of jobs."""
    with ledger_of(stack) as engine:
        yield engine
