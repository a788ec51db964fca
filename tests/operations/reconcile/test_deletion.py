"""Dark files, and no others, are deleted when an admin requests it, also after a kill in between."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.ledger import jobs
from ingest.operations.reconcile.findings import Counts
from ingest.services import Services
from ingest.services.archive_folder import FolderArchive
from ingest.states.job_record import Outcome
from ingest.system.durable_files import part_path
from ingest.system.failpoints import VARIABLE
from tests.faults.points import Points
from tests.job_fixtures import MakeOld
from tests.operations.reconcile.conftest import CONTENTS, KEPT, WRONG, Compare, ids_of, summaries
from tests.operations.retention.conftest import event_kinds
from tests.services.archive_folders import files, get, put

NOBODYS = 1_234_567
DELETE = [sys.executable, "-m", "ingest.cli.main", "reconcile", "--delete-dark"]


@pytest.fixture
def archive(services: Services) -> FolderArchive:
    assert isinstance(services.archive, FolderArchive)
    return services.archive


@pytest.fixture
def orphan(rejected: int, archive: FolderArchive, database_engine: Engine) -> int:
    """Store a file of the rejected job in the archive; return its id."""
    file_id = ids_of(database_engine, rejected)[KEPT]
    put(archive, file_id, CONTENTS[KEPT])
    return file_id


def test_dark_file_stays_without_a_request_to_delete_it(
    orphan: int, no_minimum_age: None, archive: FolderArchive, compare: Compare
):
    put(archive, NOBODYS, b"whose?")
    assert len(compare()) == 2
    assert archive.holds(orphan)
    assert archive.holds(NOBODYS)


def test_dark_file_of_a_job_is_deleted_with_an_event_and_the_job_stays_as_it_ended(
    orphan: int, rejected: int, archive: FolderArchive, compare: Compare, counts: Counts, database_engine: Engine
):
    before = jobs.read(database_engine, rejected).record
    assert summaries(compare(delete_dark=True)) == [("dark", rejected, orphan)]
    assert not archive.holds(orphan)
    assert counts.summary()["deleted"] == 1
    assert event_kinds(database_engine, rejected, "dark_files_deleted") == ["dark_files_deleted"]
    after = jobs.read(database_engine, rejected).record
    assert (after.outcome, after.error, after.finished) == (Outcome.REJECTED, before.error, before.finished)
    assert compare(delete_dark=True) == []


def test_file_with_other_bytes_than_the_jobs_is_not_deleted(
    rejected: int, archive: FolderArchive, compare: Compare, database_engine: Engine
):
    file_id = ids_of(database_engine, rejected)[WRONG]
    put(archive, file_id, b"not the job's")
    assert len(compare(delete_dark=True)) == 1
    assert get(archive, file_id) == b"not the job's"


def test_nothing_of_other_jobs_is_deleted(
    cataloged: int, failed: int, in_progress: int, no_minimum_age: None, compare: Compare, tmp_path: Path
):
    before = files(tmp_path / "archive")
    assert compare(delete_dark=True) == []
    assert files(tmp_path / "archive") == before


def test_job_that_is_retried_meanwhile_keeps_its_files(
    orphan: int, rejected: int, archive: FolderArchive, compare: Compare, database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    hold = jobs.get_job

    def retry_first(*arguments: object, **named: object) -> object:
        monkeypatch.undo()
        jobs.lift_override(database_engine, rejected)
        return hold(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("ingest.ledger.lease.lock_row", retry_first)
    compare(delete_dark=True)
    assert archive.holds(orphan)


def test_unknown_file_is_deleted_from_the_built_in_archive(
    no_minimum_age: None, archive: FolderArchive, compare: Compare, counts: Counts, tmp_path: Path
):
    put(archive, NOBODYS, b"whose?")
    compare(delete_dark=True)
    assert files(tmp_path / "archive") == []
    assert counts.summary()["deleted"] == 1


def test_half_written_file_is_deleted_and_the_whole_one_stays(
    cataloged: int, no_minimum_age: None, compare: Compare, tmp_path: Path
):
    before = files(tmp_path / "archive")
    path = next(path for path in (tmp_path / "archive").glob("*/*/*") if path.is_file())
    part_path(path).write_bytes(b"half")
    assert len(compare(delete_dark=True)) == 1
    assert files(tmp_path / "archive") == before


@pytest.mark.parametrize(
    "point",
    ["reconcile.held", "rejection.deleting", "rejection.deleted", "rejection.batch_removed", "reconcile.deleted"],
)
def test_deletion_that_a_kill_interrupted_is_finished_by_the_next_one(
    orphan: int, rejected: int, archive: FolderArchive, compare: Compare, make_old: MakeOld, database_engine: Engine,
    tmp_path: Path, point: str,
):  # fmt: skip
    points = Points(tmp_path / "points")
    points.folder.mkdir()
    points.arm(point, rejected)
    environment = {**os.environ, VARIABLE: str(points.folder), "PYTHONPATH": "plugins"}
    ended = subprocess.run(DELETE, env=environment, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL
    make_old(rejected, 1)
    compare(delete_dark=True)
    assert not archive.holds(orphan)
    assert compare() == []
    assert jobs.read(database_engine, rejected).record.outcome is Outcome.REJECTED
    if point != "rejection.deleted":
        # The rejection removed one file, the deletion the other one.
        assert event_kinds(database_engine, rejected, "files_removed") == ["files_removed"] * 2
