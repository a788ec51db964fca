"""Retention is killed between a removal and its commit: the next run finishes it and records one event."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.ledger import jobs
from ingest.operations import retention
from ingest.settings.loading import Settings
from ingest.system.failpoints import VARIABLE
from tests.faults.points import Points
from tests.job_fixtures import MakeOld
from tests.operations.retention.conftest import MakeUpload, bundle_of, event_kinds
from tests.services.archive_folders import files

PROGRAM = "from ingest.operations.retention import remove_leftovers; remove_leftovers()"
YEAR = 366


@pytest.fixture
def points(tmp_path: Path) -> Points:
    (tmp_path / "points").mkdir()
    return Points(tmp_path / "points")


def kill_retention(points: Points, point: str, job: int) -> None:
    """Run retention in a separate process that is killed at a point."""
    points.arm(point, job)
    environment = {**os.environ, VARIABLE: str(points.folder), "PYTHONPATH": "plugins"}
    ended = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not points.is_armed(point, job)


def test_abandoned_upload(make_upload: MakeUpload, settings: Settings, database_engine: Engine, points: Points):
    upload = make_upload()
    kill_retention(points, "upload.removed", upload.job_id)
    assert list(settings.volume_path.iterdir()) == []
    assert event_kinds(database_engine, upload.job_id, "upload_abandoned") == []
    retention.remove_leftovers()
    assert event_kinds(database_engine, upload.job_id, "upload_abandoned") == ["upload_abandoned"]


def test_bundle_of_a_rejected_job(
    rejected: int, make_old: MakeOld, settings: Settings, database_engine: Engine, points: Points
):
    make_old(rejected)
    kill_retention(points, "retention.bundle_removed", rejected)
    assert not bundle_of(settings, rejected).exists()
    assert event_kinds(database_engine, rejected, "bundle_removed") == []
    retention.remove_leftovers()
    assert event_kinds(database_engine, rejected, "bundle_removed") == ["bundle_removed"]


@pytest.mark.parametrize("point", ["rejection.deleted", "rejection.batch_removed", "retention.bundle_removed"])
def test_bundle_of_a_failed_job(
    failed: int,
    make_old: MakeOld,
    settings: Settings,
    database_engine: Engine,
    points: Points,
    tmp_path: Path,
    point: str,
):
    make_old(failed, YEAR)
    kill_retention(points, point, failed)
    assert event_kinds(database_engine, failed, "bundle_removed") == []
    retention.remove_leftovers()
    assert not bundle_of(settings, failed).exists()
    assert files(tmp_path / "archive") == []
    assert event_kinds(database_engine, failed, "files_removed", "bundle_removed") == [
        "files_removed",
        "bundle_removed",
    ]


def test_bundle_of_a_cataloged_job(
    cataloged: int, make_old: MakeOld, settings: Settings, database_engine: Engine, points: Points
):
    make_old(cataloged)
    kill_retention(points, "ingest_metadata.unlinked", cataloged)
    assert not bundle_of(settings, cataloged).exists()
    assert event_kinds(database_engine, cataloged, "spool_freed") == []
    make_old(cataloged)
    retention.remove_leftovers()
    assert event_kinds(database_engine, cataloged, "spool_freed") == ["spool_freed"]
    assert jobs.read(database_engine, cataloged).received.spool_name == jobs.REMOVED
