"""The real stack, started once for all tests of this folder."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.local.layout import PROJECT
from ingest.system.failpoints import VARIABLE
from tests.faults.points import Points
from tools.stack import Stack, ledger_of, start_stack, stop_stack

# Airflow also reads the example DAG of the documentation, which stays paused until its test.
EXAMPLE_DAG = "report_cataloged"
LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"
BUNDLES = [
    {"name": "dags-folder", "classpath": LOCAL_BUNDLE, "kwargs": {}},
    {"name": "examples", "classpath": LOCAL_BUNDLE, "kwargs": {"path": str(PROJECT / "docs" / "examples")}},
]
# A job stops waiting for an unavailable service after seconds, not after days: its second attempt is the last. The delay is
# longer than the two seconds for which each API process trusts its last answer about a run, so that the reason for a retry
# becomes visible.
SETTINGS = {
    "INGEST_RETRIES": "1",
    "INGEST_RETRY_FOR": "7",
    "INGEST_RETRY_DELAY": "5",
    "INGEST_MAX_RETRY_DELAY": "5",
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(BUNDLES),
}


@pytest.fixture(scope="package")
def points(tmp_path_factory: pytest.TempPathFactory) -> Points:
    """Return the failpoints of the stack."""
    return Points(tmp_path_factory.mktemp("failpoints"))


@pytest.fixture(scope="package")
def stack(points: Points, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run the stack, in a folder whose name contains a space."""
    process, stack = start_stack(
        tmp_path_factory.mktemp("stack") / "all state", {**SETTINGS, VARIABLE: str(points.folder)}
    )
    try:
        yield stack
    finally:
        stop_stack(process)


@pytest.fixture(scope="package")
def ledger(stack: Stack) -> Iterator[Engine]:
    """Return the stack's database of jobs."""
    with ledger_of(stack) as engine:
        yield engine


@pytest.fixture
def archive_outage(stack: Stack) -> "ArchiveOutage":
    """Return an object that makes the archive unavailable."""
    return ArchiveOutage(stack.home / "archive")


class ArchiveOutage:
    """Makes the archive unavailable: a file replaces its folder, so that nothing can be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = folder.with_name("archive aside")

    @contextmanager
    def unavailable(self) -> Iterator[None]:
        """Make the archive unavailable inside the block."""
        self._folder.rename(self._aside)
        self._folder.write_text("the archive is unavailable")
        try:
            yield
        finally:
            self._folder.unlink()
            self._aside.rename(self._folder)
