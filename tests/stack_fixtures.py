"""Fixtures of tests on a running stack; imported by the conftest.py of their folder, whose fixture `stack` starts it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.archive_outage import ArchiveOutage
from tests.faults.points import Points
from tools.stack import Stack, ledger_of


@pytest.fixture(scope="package")
def points(tmp_path_factory: pytest.TempPathFactory) -> Points:
    """Return the failpoints of the folder's stacks."""
    return Points(tmp_path_factory.mktemp("failpoints"))


@pytest.fixture(scope="package")
def ledger(stack: Stack) -> Iterator[Engine]:
    """Return the stack's database of jobs."""
    with ledger_of(stack) as engine:
        yield engine


@pytest.fixture
def archive_outage(stack: Stack) -> ArchiveOutage:
    """Return an object that makes the archive unavailable."""
    return ArchiveOutage(stack.home / "archive")
