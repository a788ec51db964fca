"""The real stack, started once for all tests of this folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.system.failpoints import VARIABLE
from tests.faults.points import Points
from tools.stack import Stack, ledger_of, start_stack, stop_stack

# A service that is away is given up after seconds here, not after half an hour. Each process of the API keeps what it was
# told of a run for two seconds, and must be seen to say why a stage waits for its next try: so the wait is longer.
SETTINGS = {"INGEST_RETRIES": "1", "INGEST_RETRY_DELAY": "5", "INGEST_MAX_RETRY_DELAY": "5"}


@pytest.fixture(scope="package")
def points(tmp_path_factory: pytest.TempPathFactory) -> Points:
    """The points at which processes of the stack can be held."""
    return Points(tmp_path_factory.mktemp("failpoints"))


@pytest.fixture(scope="package")
def stack(points: Points, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack; its folder's name has a space in it, as a user's may."""
    process, stack = start_stack(
        tmp_path_factory.mktemp("stack") / "all state", {**SETTINGS, VARIABLE: str(points.folder)}
    )
    try:
        yield stack
    finally:
        stop_stack(process)


@pytest.fixture(scope="package")
def ledger(stack: Stack) -> Iterator[Engine]:
    """The stack's database of jobs."""
    with ledger_of(stack) as engine:
        yield engine


@pytest.fixture
def archive_away(stack: Stack) -> "ArchiveAway":
    """Lets a test take the archive away and bring it back."""
    return ArchiveAway(stack.home / "archive")


class ArchiveAway:
    """The archive's folder, taken away: a file stands in its place, so that nothing can be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = folder.with_name("archive aside")

    @contextmanager
    def for_a_while(self) -> Iterator[None]:
        """Take the archive away; it is back at the end."""
        self._folder.rename(self._aside)
        self._folder.write_text("the archive is away")
        try:
            yield
        finally:
            self._folder.unlink()
            self._aside.rename(self._folder)
