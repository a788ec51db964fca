"""Bundles of jobs that have ended leave the spool after a while, and no others do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, update
from sqlalchemy.orm import Session

from ingest import spool
from ingest.errors.types import BundleRemoved, IngestError, RejectedBefore, StageSkipped
from ingest.ledger import jobs, lease
from ingest.ledger.cancellation import cancel
from ingest.ledger.file_records import forget_declarations, forget_members
from ingest.ledger.lease import JobLease, acquire_job
from ingest.ledger.models import Job
from ingest.operations import retention
from ingest.services import Services
from ingest.services.archive_folder import FolderArchive
from ingest.settings.loading import Settings
from ingest.stages.run_stage import run_stage
from ingest.states.airflow import Run
from ingest.states.job_record import JobState
from ingest.states.job_state import failed, job_state
from ingest.states.stages import Stage
from tests.job_fixtures import MakeJob, MakeOld, OpenContext
from tests.operations.retention.conftest import bundle_of, event_kinds, refuse
from tests.services.archive_folders import files
from tools.bundles import CONTENTS

YEAR = 366


def state_of(engine: Engine, job: int) -> JobState:
    return job_state(jobs.read(engine, job).record, Run("failed"))


# Rejected


def test_bundle_of_a_job_that_was_rejected_long_ago_is_removed_once(
    rejected: int, make_old: MakeOld, settings: Settings, database_engine: Engine
):
    make_old(rejected)
    retention.remove_leftovers()
    retention.remove_leftovers()
    assert not bundle_of(settings, rejected).exists()
    assert event_kinds(database_engine, rejected, "bundle_removed") == ["bundle_removed"]


def test_bundle_of_a_job_that_was_rejected_lately_stays(rejected: int, make_old: MakeOld, settings: Settings):
    make_old(rejected, 29)
    retention.remove_leftovers()
    assert bundle_of(settings, rejected).exists()


def test_bundle_of_a_canceled_job_is_removed_immediately_and_its_state_stays(
    make_job: MakeJob, settings: Settings, database_engine: Engine
):
    job = make_job()
    cancel(database_engine, job, "ada", "ada")
    before = state_of(database_engine, job)
    assert retention.remove_leftovers()["canceled"] >= 1
    assert not bundle_of(settings, job).exists()
    assert state_of(database_engine, job) == before
    assert event_kinds(database_engine, job, "bundle_removed") == ["bundle_removed"]


def test_bundle_of_a_canceled_job_stays_until_its_files_are_removed(
    failed: int, settings: Settings, database_engine: Engine
):
    cancel_failed(database_engine, failed)
    retention.remove_leftovers()
    assert bundle_of(settings, failed).exists()
    with pytest.raises(RejectedBefore):
        run_stage(Stage.INGEST_METADATA, failed, 1, last_try=False)
    retention.remove_leftovers()
    assert not bundle_of(settings, failed).exists()


def cancel_failed(engine: Engine, job: int) -> None:
    """Cancel the job of `failed`, whose catalog received no transaction."""
    with engine.begin() as connection:
        connection.execute(update(Job).where(Job.id == job).values(catalogue_settles=None))
    cancel(engine, job, "ada", "ada")


def test_days_that_a_bundle_stays_are_a_setting(
    rejected: int, make_old: MakeOld, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("INGEST_KEEP_REJECTED_DAYS", "0.5")
    make_old(rejected, 0.6)
    retention.remove_leftovers()
    assert not bundle_of(settings, rejected).exists()


def test_bundle_that_cannot_be_removed_does_not_prevent_the_removal_of_others(
    rejected: int, cataloged: int, make_old: MakeOld, settings: Settings
):
    make_old(rejected)
    make_old(cataloged)
    # A folder in its place cannot be unlinked.
    bundle_of(settings, rejected).unlink()
    bundle_of(settings, rejected).mkdir()
    counts = retention.remove_leftovers()
    assert counts["kept"] >= 1
    assert not bundle_of(settings, cataloged).exists()
    bundle_of(settings, rejected).rmdir()
    retention.remove_leftovers()


# Failed


def test_bundle_of_a_job_that_failed_for_an_unavailable_service_stays_for_a_year_with_its_files(
    failed: int, make_old: MakeOld, settings: Settings, tmp_path: Path
):
    make_old(failed, 364)
    retention.remove_leftovers()
    assert bundle_of(settings, failed).exists()
    assert len(files(tmp_path / "archive")) == len(CONTENTS)


def test_bundle_and_files_of_a_failed_job_are_removed_after_a_year_and_its_state_stays(
    failed: int, make_old: MakeOld, settings: Settings, database_engine: Engine, tmp_path: Path
):
    make_old(failed, YEAR)
    before = state_of(database_engine, failed)
    retention.remove_leftovers()
    retention.remove_leftovers()
    assert not bundle_of(settings, failed).exists()
    assert files(tmp_path / "archive") == []
    kinds = "taken_over", "files_removed", "bundle_removed"
    assert event_kinds(database_engine, failed, *kinds) == list(kinds)
    assert before.state == "FAILED"
    assert state_of(database_engine, failed) == before


@pytest.mark.parametrize("stage", [Stage.VALIDATE_POLICY, Stage.INGEST_FILES])
def test_files_of_a_job_that_failed_before_the_catalog_was_queried_are_removed_too(
    make_job: MakeJob,
    make_old: MakeOld,
    run_before: Callable[[int, Stage], None],
    open_context: OpenContext,
    settings: Settings,
    settings_in_environment: None,
    tmp_path: Path,
    stage: Stage,
):
    job = make_job()
    run_before(job, Stage.INGEST_METADATA)
    with open_context(job, stage) as context:
        context.lease.fail_stage("service_unavailable", "away", final=True)
    make_old(job, YEAR)
    retention.remove_leftovers()
    assert not bundle_of(settings, job).exists()
    assert files(tmp_path / "archive") == []


@pytest.mark.parametrize("forget", [forget_members, forget_declarations])
def test_files_are_removed_too_after_an_early_stage_ran_again(
    failed: int,
    make_old: MakeOld,
    open_context: OpenContext,
    settings: Settings,
    database_engine: Engine,
    tmp_path: Path,
    forget: Callable[[JobLease], None],
):
    with open_context(failed, Stage.OPEN_TAR) as context:
        forget(context.lease)
        context.lease.fail_stage("bundle_invalid", "it cannot be read any more", final=True)
    make_old(failed, YEAR)
    retention.remove_leftovers()
    assert not bundle_of(settings, failed).exists()
    assert files(tmp_path / "archive") == []


@pytest.mark.parametrize("days", ["0", "1.5"])
def test_days_that_the_bundle_of_a_failed_job_stays_are_a_setting(
    failed: int, make_old: MakeOld, settings: Settings, monkeypatch: pytest.MonkeyPatch, days: str
):
    monkeypatch.setenv("INGEST_KEEP_FAILED_DAYS", days)
    make_old(failed, 2)
    retention.remove_leftovers()
    assert not bundle_of(settings, failed).exists()


def test_bundle_of_a_job_that_an_admin_failed_is_removed_after_a_year(
    make_job: MakeJob, make_old: MakeOld, settings: Settings, database_engine: Engine
):
    job = make_job()
    jobs.override(database_engine, job, failed(Stage.OPEN_TAR, "Failed by administrator"))
    make_old(job, 364)
    retention.remove_leftovers()
    assert bundle_of(settings, job).exists()
    make_old(job, YEAR)
    retention.remove_leftovers()
    assert not bundle_of(settings, job).exists()
    assert state_of(database_engine, job).exception == "Failed by administrator"


def test_job_that_the_catalog_holds_after_all_is_not_touched(
    failed: int,
    make_old: MakeOld,
    settings: Settings,
    services: Services,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(type(services.metadata), "find", lambda *_: [])
    make_old(failed, YEAR)
    retention.remove_leftovers()
    assert bundle_of(settings, failed).exists()
    assert len(files(tmp_path / "archive")) == len(CONTENTS)


def test_bundle_stays_while_the_archive_cannot_delete_its_files(
    failed: int, make_old: MakeOld, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    make_old(failed, YEAR)
    with monkeypatch.context() as broken:
        broken.setattr(FolderArchive, "delete", refuse)
        retention.remove_leftovers()
    assert bundle_of(settings, failed).exists()
    retention.remove_leftovers()
    assert not bundle_of(settings, failed).exists()


# Not idle


def test_bundle_of_a_job_that_is_retried_stays(
    failed: int, rejected: int, make_old: MakeOld, settings: Settings, database_engine: Engine
):
    for job in (failed, rejected):
        jobs.lift_override(database_engine, job)
        make_old(job, YEAR)
    retention.remove_leftovers()
    assert bundle_of(settings, failed).exists()
    assert bundle_of(settings, rejected).exists()


def test_bundle_of_a_job_that_waits_or_is_lost_by_airflow_stays(
    make_job: MakeJob, make_old: MakeOld, settings: Settings
):
    job = make_job()
    make_old(job, YEAR)
    retention.remove_leftovers()
    assert bundle_of(settings, job).exists()


def test_job_that_starts_again_after_it_was_read_continues(
    failed: int, make_old: MakeOld, settings: Settings, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    make_old(failed, YEAR)
    read = jobs.read

    def begin_and_read(engine: Engine, job: int) -> jobs.JobSnapshot:
        if job == failed:
            with acquire_job(engine, job, Stage.INGEST_METADATA, 2):
                pass
        return read(engine, job)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(jobs, "read", begin_and_read)
        retention.remove_leftovers()
    assert bundle_of(settings, failed).exists()
    with Session(database_engine) as session:
        assert session.get_one(Job, failed).holder is None
    run_stage(Stage.INGEST_METADATA, failed, 3, last_try=False)
    assert state_of(database_engine, failed).complete


@pytest.mark.parametrize("outcome", ["failed", "rejected"])
def test_job_that_is_retried_while_retention_waits_for_its_lock_keeps_its_bundle(
    request: pytest.FixtureRequest, make_old: MakeOld, settings: Settings, database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch, outcome: str,
):  # fmt: skip
    job: int = request.getfixturevalue(outcome)
    make_old(job, YEAR)
    lock = lease.hold_job_lock

    @contextmanager
    def retried_meanwhile(engine: Engine, job_id: int) -> Iterator[Connection]:
        with lock(engine, job_id) as connection:
            if job_id == job:
                jobs.lift_override(database_engine, job)
            yield connection

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(lease, "hold_job_lock", retried_meanwhile)
        assert retention.remove_leftovers()["kept"] >= 1
    assert bundle_of(settings, job).exists()
    assert event_kinds(database_engine, job, "bundle_removed", "files_removed") == []


@pytest.mark.parametrize(
    ("stage", "error_of_the_stage", "text"),
    [
        (Stage.OPEN_TAR, BundleRemoved, "failed long ago"),
        (Stage.INGEST_METADATA, StageSkipped, "a stage was skipped"),
    ],
)
def test_job_without_its_bundle_cannot_begin_again(
    failed: int,
    make_old: MakeOld,
    database_engine: Engine,
    tmp_path: Path,
    stage: Stage,
    error_of_the_stage: type[IngestError],
    text: str,
):
    make_old(failed, YEAR)
    retention.remove_leftovers()
    with pytest.raises(error_of_the_stage, match=text):
        run_stage(stage, failed, 2, last_try=False)
    assert files(tmp_path / "archive") == []
    error = jobs.read(database_engine, failed).record.error
    assert error is not None
    assert error.final


# Catalogued


def test_bundle_that_could_not_be_removed_is_removed_an_hour_later(
    cataloged: int, make_old: MakeOld, settings: Settings, database_engine: Engine, tmp_path: Path
):
    make_old(cataloged, 0.9 / 24)
    retention.remove_leftovers()
    assert bundle_of(settings, cataloged).exists()
    make_old(cataloged, 1.1 / 24)
    retention.remove_leftovers()
    assert not bundle_of(settings, cataloged).exists()
    assert event_kinds(database_engine, cataloged, "spool_freed") == ["spool_freed"]
    assert jobs.read(database_engine, cataloged).received.spool_name == jobs.REMOVED
    assert len(files(tmp_path / "archive")) == len(CONTENTS)


def test_bundle_that_cannot_be_removed_even_then_is_tried_again(
    cataloged: int, make_old: MakeOld, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    make_old(cataloged)
    with monkeypatch.context() as broken:
        broken.setattr(spool, "remove", refuse)
        assert retention.remove_leftovers()["kept"] >= 1
    make_old(cataloged)
    retention.remove_leftovers()
    assert not bundle_of(settings, cataloged).exists()
