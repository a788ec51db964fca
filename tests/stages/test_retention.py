"""Bundles of rejected jobs leave the spool after a while, and no others do."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from ingest import jobs, retention
from ingest.errors import BundleRemoved, InvalidBundle, ServiceUnavailable
from ingest.models import Event, Job
from ingest.run_stage import run_stage
from ingest.services.archive_folder import FolderArchive
from ingest.settings import Settings
from ingest.states import STAGES, Kind, Stage
from tests.stages.conftest import MakeJob
from tests.stages.killing import Killed, die

NO_TAR = b"this is no tar " * 100
MakeOld = Callable[..., None]


@pytest.fixture(autouse=True)
def of_the_tests(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_CONFIG", "")
    monkeypatch.setenv("VOLUME_PATH", str(settings.volume_path))
    monkeypatch.setenv("INGEST_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("ARCHIVEINTERFACE_URL", settings.archiveinterface_url)


@pytest.fixture
def make_old(database_engine: Engine) -> MakeOld:
    """Let a job have ended some days ago."""

    def make(job: int, days: float = 31) -> None:
        with database_engine.begin() as connection:
            connection.execute(update(Job).where(Job.id == job).values(updated=func.now() - timedelta(days=days)))

    return make


@pytest.fixture
def rejected(make_job: MakeJob) -> int:
    job = make_job(NO_TAR)
    with pytest.raises(InvalidBundle):
        run_stage(Stage.OPEN_TAR, job, 1, last_try=False)
    return job


def bundle_of(settings: Settings, job: int) -> Path:
    return settings.volume_path / f"{job}.tar"


def told(engine: Engine, job: int) -> list[str]:
    with Session(engine) as session:
        kinds = session.scalars(select(Event.kind).where(Event.job_id == job).order_by(Event.id))
        return [kind for kind in kinds if kind == "bundle_removed"]


def test_bundle_of_a_job_that_was_rejected_long_ago_is_removed_once(
    rejected: int, make_old: MakeOld, settings: Settings, database_engine: Engine
):
    make_old(rejected)
    retention.remove_old_bundles()
    retention.remove_old_bundles()
    assert not bundle_of(settings, rejected).exists()
    assert told(database_engine, rejected) == ["bundle_removed"]


def test_bundle_of_a_job_that_was_rejected_lately_stays(rejected: int, make_old: MakeOld, settings: Settings):
    make_old(rejected, 29)
    retention.remove_old_bundles()
    assert bundle_of(settings, rejected).exists()


def test_days_that_a_bundle_stays_are_a_setting(
    rejected: int, make_old: MakeOld, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("INGEST_KEEP_REJECTED_DAYS", "0.5")
    make_old(rejected, 0.6)
    retention.remove_old_bundles()
    assert not bundle_of(settings, rejected).exists()


def test_bundle_of_a_job_that_goes_on_stays(
    rejected: int, make_old: MakeOld, settings: Settings, database_engine: Engine
):
    jobs.lift_override(database_engine, rejected)
    make_old(rejected)
    retention.remove_old_bundles()
    assert bundle_of(settings, rejected).exists()


def test_bundle_of_a_job_that_failed_because_a_service_was_away_stays(
    make_job: MakeJob, make_old: MakeOld, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    job = make_job()
    for stage in STAGES[Kind.INGEST][:3]:
        run_stage(stage, job, 1, last_try=False)

    def away(*_: object) -> None:
        raise ServiceUnavailable("archive", "file:///", "away")

    with monkeypatch.context() as broken:
        broken.setattr(FolderArchive, "put", away)
        with pytest.raises(ServiceUnavailable):
            run_stage(Stage.INGEST_FILES, job, 1, last_try=True)
    make_old(job)
    retention.remove_old_bundles()
    assert bundle_of(settings, job).exists()


def test_job_without_its_bundle_says_so_when_it_is_cleared(rejected: int, make_old: MakeOld, database_engine: Engine):
    make_old(rejected)
    retention.remove_old_bundles()
    with pytest.raises(BundleRemoved, match="send a mended one"):
        run_stage(Stage.OPEN_TAR, rejected, 2, last_try=False)
    error = jobs.read(database_engine, rejected).record.error
    assert error is not None
    assert error.final


def test_bundle_that_cannot_be_removed_keeps_no_other_from_it(make_job: MakeJob, make_old: MakeOld, settings: Settings):
    both = [make_job(NO_TAR), make_job(NO_TAR)]
    for job in both:
        with pytest.raises(InvalidBundle):
            run_stage(Stage.OPEN_TAR, job, 1, last_try=False)
        make_old(job)
    # A folder in its place: it can be unlinked by nobody.
    bundle_of(settings, both[0]).unlink()
    bundle_of(settings, both[0]).mkdir()
    counts = retention.remove_old_bundles()
    assert counts["kept"] >= 1
    assert not bundle_of(settings, both[1]).exists()
    bundle_of(settings, both[0]).rmdir()
    retention.remove_old_bundles()


def test_killed_between_the_file_and_the_commit_the_next_process_finishes_it(
    rejected: int, make_old: MakeOld, settings: Settings, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    make_old(rejected)
    with monkeypatch.context() as killing:
        killing.setattr(jobs, "add_event", die)
        with pytest.raises(Killed):
            retention.remove_old_bundles()
    assert not bundle_of(settings, rejected).exists()
    assert told(database_engine, rejected) == []
    retention.remove_old_bundles()
    assert told(database_engine, rejected) == ["bundle_removed"]
