"""Fixtures of tests on a running stack, which the fixture `stack` of their folder starts; imported by their conftest.py."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.archive_outage import ArchiveOutage
from tools.stack import Stack, ledger_of


@pytest.fixture(scope="package")
def ledger(stack: Stack) -> Iterator[Engine]:
    """Return the stack's database of jobs."""
    with ledger_of(stack) as engine:
        yield engine


@pytest.fixture
def archive_outage(stack: Stack) -> ArchiveOutage:
    """Return an object that makes the archive unavailable."""
    return ArchiveOutage(stack.home / "archive")
