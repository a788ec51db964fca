"""The wrapper around the stages: every outcome is recorded before Airflow is notified."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.errors.types import (
    CatalogConflict,
    CatalogRejected,
    FilesRejected,
    InvalidBundle,
    JobOverridden,
    PolicyRejected,
    RejectedBefore,
    RejectionUnfinished,
    ServiceUnavailable,
    SpoolUnavailable,
    StageSkipped,
    StageTerminated,
)
from ingest.ledger import file_records, jobs, lease
from ingest.ledger.lease import JobLease
from ingest.ledger.models import CatalogTransaction, Event
from ingest.services.archive_folder import FolderArchive
from ingest.services.metadata_catalog import BuiltInMetadata
from ingest.services.policy import BuiltInPolicy
from ingest.settings.loading import Settings
from ingest.stages import run_stage
from ingest.states.job_record import JobState, JobStatus, Outcome
from ingest.states.job_state import first_unfinished
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob
from tests.killing import Killed, die
from tools.bundles import CONTENTS, file_entry, make_bundle, transaction

Run = Callable[..., object]
INGEST = STAGES[Kind.INGEST]
WRONG = [*transaction(), file_entry("data/one", b"one"), file_entry("data/two", b"two", hashsum="0" * 40)]


@pytest.fixture
def run(settings: Settings, shared_engine: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a stage as a task does."""
    monkeypatch.setattr(run_stage, "load_settings", lambda: settings)
    monkeypatch.setattr(lease, "CHECK_SECONDS", 0.0)

    def run_as_task(job: int, stage: Stage, *, last_try: bool = False) -> object:
        return run_stage.run_stage(stage, job, 1, last_try=last_try)

    return run_as_task


def run_all(run: Run, job: int, *stages: Stage) -> None:
    for stage in stages:
        run(job, stage)


def stored(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "archive").glob("*/*/*") if path.is_file()]


def is_cataloged(engine: Engine, job: int) -> bool:
    with Session(engine) as session:
        return session.get(CatalogTransaction, job) is not None


def test_job_runs_from_its_bundle_to_the_catalog(
    make_job: MakeJob, run: Run, database_engine: Engine, settings: Settings, tmp_path: Path
):
    job = make_job()
    run(job, Stage.OPEN_TAR)
    assert run(job, Stage.LOAD_METADATA) == {
        "files": 3, "bytes": sum(map(len, CONTENTS.values())), "project": "1234a", "instrument": "54"
    }  # fmt: skip
    run_all(run, job, *INGEST[2:])
    assert jobs.read(database_engine, job).record.outcome is Outcome.CATALOGED
    assert is_cataloged(database_engine, job)
    assert len(stored(tmp_path)) == len(CONTENTS)
    assert not list(settings.volume_path.iterdir())


def test_every_stage_may_run_again_when_the_job_is_cataloged(make_job: MakeJob, run: Run, tmp_path: Path):
    job = make_job()
    run_all(run, job, *INGEST)
    before = sorted(stored(tmp_path))
    assert [run(job, stage) for stage in INGEST] == [None] * len(INGEST)
    assert sorted(stored(tmp_path)) == before


def test_every_stage_may_run_twice_on_the_way(make_job: MakeJob, run: Run, tmp_path: Path):
    job = make_job()
    for stage in INGEST:
        run_all(run, job, stage, stage)
    assert len(stored(tmp_path)) == len(CONTENTS)


def test_job_that_is_cleared_from_the_start_ends_the_same(make_job: MakeJob, run: Run, tmp_path: Path):
    job = make_job()
    run_all(run, job, *INGEST[:4])
    run_all(run, job, *INGEST)
    assert len(stored(tmp_path)) == len(CONTENTS)


def test_permanent_error_is_final_at_the_first_try(make_job: MakeJob, run: Run, database_engine: Engine):
    job = make_job(b"no tar")
    with pytest.raises(InvalidBundle):
        run(job, Stage.OPEN_TAR)
    record = jobs.read(database_engine, job).record
    assert record.outcome is Outcome.REJECTED
    assert record.error is not None
    assert (record.error.final, record.error.stage) == (True, Stage.OPEN_TAR)


def test_uploaders_fault_is_reported_without_any_service(make_job: MakeJob, run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(BuiltInMetadata, "find", unavailable)
    with pytest.raises(InvalidBundle):
        run(make_job(b"no tar"), Stage.OPEN_TAR)


def unavailable(*_: object) -> None:
    raise ServiceUnavailable("metadata", "http://metadata", "away")


@pytest.mark.parametrize("last_try", [False, True])
def test_unavailable_service_is_waited_for_whatever_airflow_counts(
    make_job: MakeJob, run: Run, database_engine: Engine, monkeypatch: pytest.MonkeyPatch, last_try: bool
):
    job = make_job()
    run_all(run, job, *INGEST[:4])
    monkeypatch.setattr(BuiltInMetadata, "find", unavailable)
    with pytest.raises(ServiceUnavailable) as raised:
        run(job, Stage.INGEST_METADATA, last_try=last_try)
    record = jobs.read(database_engine, job).record
    assert record.error is not None
    assert record.error.final is False
    assert "http://metadata" in record.error.text
    assert record.is_waiting
    assert record.waiting is not None
    delay = record.waiting.next_attempt_at - record.waiting.since
    assert raised.value.next_attempt_seconds == delay.total_seconds()


def test_archived_files_stay_when_a_service_is_unavailable(
    make_job: MakeJob, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    job = make_job()
    run_all(run, job, *INGEST[:4])
    monkeypatch.setattr(BuiltInMetadata, "find", unavailable)
    with pytest.raises(ServiceUnavailable):
        run(job, Stage.INGEST_METADATA, last_try=True)
    assert len(stored(tmp_path)) == len(CONTENTS)


def test_unexpected_error_is_recorded_in_one_line(
    make_job: MakeJob, run: Run, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    job = make_job()
    monkeypatch.setitem(run_stage.STAGE_FUNCTIONS, Stage.OPEN_TAR, lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(job, Stage.OPEN_TAR)
    error = jobs.read(database_engine, job).record.error
    assert error is not None
    assert "ZeroDivisionError: division by zero" in error.text
    assert not error.final


def test_stage_that_is_stopped_is_recorded_and_never_final(
    make_job: MakeJob, run: Run, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    job = make_job()
    monkeypatch.setitem(run_stage.STAGE_FUNCTIONS, Stage.OPEN_TAR, lambda _: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StageTerminated):
        run(job, Stage.OPEN_TAR, last_try=True)
    error = jobs.read(database_engine, job).record.error
    assert error is not None
    assert not error.final
    assert signal.getsignal(signal.SIGTERM) is before


def test_stage_that_was_skipped_by_hand_stops_the_job(make_job: MakeJob, run: Run, database_engine: Engine):
    job = make_job()
    run(job, Stage.OPEN_TAR)
    with pytest.raises(StageSkipped):
        run(job, Stage.INGEST_METADATA)
    assert not is_cataloged(database_engine, job)


def test_job_that_an_admin_failed_does_not_begin_a_stage(make_job: MakeJob, run: Run, database_engine: Engine):
    job = make_job()
    jobs.override(database_engine, job, JobState(JobStatus.FAILED, "open tar", 0.0, "by hand", complete=True))
    with pytest.raises(JobOverridden):
        run(job, Stage.OPEN_TAR)


def test_rejected_files_leave_nothing_in_the_archive(
    make_job: MakeJob, run: Run, database_engine: Engine, tmp_path: Path
):
    job = make_job(make_bundle({"data/one": b"one", "data/two": b"two"}, WRONG))
    run_all(run, job, *INGEST[:3])
    with pytest.raises(FilesRejected):
        run(job, Stage.INGEST_FILES)
    assert stored(tmp_path) == []
    assert jobs.read(database_engine, job).record.outcome is Outcome.REJECTED


def test_rejection_by_the_catalog_removes_the_files_and_a_clear_sends_them_again(
    make_job: MakeJob, run: Run, database_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def rejects(_self: BuiltInMetadata, _job: int, _document: BinaryIO, _size: int) -> None:
        raise CatalogRejected("mime type unknown")

    job = make_job()
    run_all(run, job, *INGEST[:4])
    with monkeypatch.context() as rejecting:
        rejecting.setattr(BuiltInMetadata, "ingest", rejects)
        with pytest.raises(CatalogRejected):
            run(job, Stage.INGEST_METADATA)
    assert stored(tmp_path) == []
    assert not is_cataloged(database_engine, job)
    run(job, Stage.INGEST_METADATA)
    assert is_cataloged(database_engine, job)
    assert len(stored(tmp_path)) == len(CONTENTS)


def test_after_a_kill_during_a_rejection_the_next_process_finishes_it(
    make_job: MakeJob, run: Run, database_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    job = make_job(make_bundle({"data/one": b"one", "data/two": b"two"}, WRONG))
    run_all(run, job, *INGEST[:3])
    with monkeypatch.context() as killing:
        killing.setattr(FolderArchive, "delete", die)
        killing.setattr(lease.JobLease, "fail_stage", die)
        with pytest.raises(Killed):
            run(job, Stage.INGEST_FILES)
    assert jobs.read(database_engine, job).record.outcome is Outcome.REJECTING
    assert stored(tmp_path)
    with pytest.raises(RejectedBefore) as raised:
        run(job, Stage.INGEST_FILES)
    assert raised.value.code == FilesRejected.code
    assert stored(tmp_path) == []
    assert jobs.read(database_engine, job).record.outcome is Outcome.REJECTED


def test_unavailable_archive_during_a_rejection_does_not_hide_the_reason(
    make_job: MakeJob, run: Run, database_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    job = make_job(make_bundle({"data/one": b"one", "data/two": b"two"}, WRONG))
    run_all(run, job, *INGEST[:3])
    with monkeypatch.context() as away:
        away.setattr(FolderArchive, "delete", unavailable)
        with pytest.raises(RejectionUnfinished, match=r"the metadata declares 0000.* still to be deleted"):
            run(job, Stage.INGEST_FILES, last_try=True)
    error = jobs.read(database_engine, job).record.error
    assert error
    assert not error.final
    with pytest.raises(RejectedBefore, match="the metadata declares 0000"):
        run(job, Stage.INGEST_FILES)
    assert stored(tmp_path) == []


def test_lost_response_of_the_catalog_is_requested_again(
    make_job: MakeJob, run: Run, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    ingest = BuiltInMetadata.ingest

    def loses_the_answer(catalog: BuiltInMetadata, job: int, document: BinaryIO, size: int) -> None:
        ingest(catalog, job, document, size)
        raise ServiceUnavailable("metadata", "http://metadata", "connection lost")

    job = make_job()
    run_all(run, job, *INGEST[:4])
    monkeypatch.setattr(BuiltInMetadata, "ingest", loses_the_answer)
    run(job, Stage.INGEST_METADATA)
    assert jobs.read(database_engine, job).record.outcome is Outcome.CATALOGED


def test_after_a_kill_between_catalog_and_ledger_the_next_process_sends_nothing(
    make_job: MakeJob, run: Run, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    ingest = BuiltInMetadata.ingest

    def dies_after(catalog: BuiltInMetadata, job: int, document: BinaryIO, size: int) -> None:
        ingest(catalog, job, document, size)
        raise Killed

    job = make_job()
    run_all(run, job, *INGEST[:4])
    with monkeypatch.context() as killing:
        killing.setattr(BuiltInMetadata, "ingest", dies_after)
        with pytest.raises(Killed):
            run(job, Stage.INGEST_METADATA)
    assert jobs.read(database_engine, job).record.outcome is Outcome.CATALOGING
    monkeypatch.setattr(BuiltInMetadata, "ingest", unavailable)
    run(job, Stage.INGEST_METADATA)
    assert jobs.read(database_engine, job).record.outcome is Outcome.CATALOGED


def test_after_a_kill_before_the_spool_is_freed_the_next_process_frees_it(
    make_job: MakeJob, run: Run, database_engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    job = make_job()
    run_all(run, job, *INGEST[:4])
    with monkeypatch.context() as killing:
        killing.setattr(Path, "unlink", die)
        with pytest.raises(Killed):
            run(job, Stage.INGEST_METADATA)
    assert jobs.read(database_engine, job).record.outcome is Outcome.CATALOGED
    assert list(settings.volume_path.iterdir())
    run(job, Stage.INGEST_METADATA)
    assert not list(settings.volume_path.iterdir())


def test_bundle_that_cannot_be_deleted_does_not_fail_the_job(
    make_job: MakeJob, run: Run, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    job = make_job()
    run_all(run, job, *INGEST[:4])
    with monkeypatch.context() as refusing:
        refusing.setattr(Path, "unlink", refuse)
        run(job, Stage.INGEST_METADATA)
    record = jobs.read(database_engine, job).record
    assert (record.outcome, record.error, record.finished) == (Outcome.CATALOGED, None, Stage.INGEST_METADATA)


def test_foreign_transaction_with_the_jobs_id_is_a_conflict_and_nothing_is_removed(
    make_job: MakeJob, run: Run, database_engine: Engine, tmp_path: Path
):
    job = make_job()
    run_all(run, job, *INGEST[:4])
    with Session(database_engine) as session, session.begin():
        session.add(CatalogTransaction(id=job))
    with pytest.raises(CatalogConflict):
        run(job, Stage.INGEST_METADATA)
    assert len(stored(tmp_path)) == len(CONTENTS)


def test_rejection_by_policy_of_a_cataloged_job_has_no_effect(
    make_job: MakeJob, run: Run, database_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def reject_all(*_: object) -> None:
        raise PolicyRejected("no longer")

    job = make_job()
    run_all(run, job, *INGEST[:4])
    with monkeypatch.context() as killing:
        killing.setattr(BuiltInMetadata, "find", unavailable)
        with pytest.raises(ServiceUnavailable):
            run(job, Stage.INGEST_METADATA)
    with Session(database_engine) as session:
        assert session.get(CatalogTransaction, job) is None
    with monkeypatch.context() as killing:
        killing.setattr(JobLease, "finish_stage", die)
        ingest = BuiltInMetadata.ingest

        def ingest_and_die(*given: Any) -> None:
            ingest(*given)
            die()

        killing.setattr(BuiltInMetadata, "ingest", ingest_and_die)
        with pytest.raises(Killed):
            run(job, Stage.INGEST_METADATA)
    with monkeypatch.context() as rejecting:
        rejecting.setattr(BuiltInPolicy, "check", reject_all)
        assert run(job, Stage.VALIDATE_POLICY) is None
    assert jobs.read(database_engine, job).record.outcome is Outcome.CATALOGED
    assert len(stored(tmp_path)) == len(CONTENTS)


@pytest.mark.parametrize("stage", [Stage.OPEN_TAR, Stage.INGEST_FILES])
def test_spool_that_is_not_mounted_rejects_nothing(
    make_job: MakeJob, run: Run, database_engine: Engine, settings: Settings, stage: Stage
):
    job = make_job()
    run_all(run, job, *INGEST[: INGEST.index(stage)])
    bundle = next(settings.volume_path.iterdir())
    aside = bundle.rename(bundle.parent.parent / "aside")
    with pytest.raises(SpoolUnavailable):
        run(job, stage)
    assert jobs.read(database_engine, job).record.outcome is None
    aside.rename(bundle)
    run_all(run, job, *INGEST[INGEST.index(stage) :])


@pytest.mark.parametrize("stage", [Stage.OPEN_TAR, Stage.LOAD_METADATA])
def test_early_stage_that_is_killed_when_it_runs_again_makes_the_job_begin_there(
    make_job: MakeJob, run: Run, database_engine: Engine, monkeypatch: pytest.MonkeyPatch, stage: Stage
):
    job = make_job()
    run_all(run, job, *INGEST[:4])
    with monkeypatch.context() as killing:
        killing.setattr(file_records, "_record", die)
        with pytest.raises(Killed):
            run(job, stage)
    assert first_unfinished(jobs.read(database_engine, job).record) is stage
    run_all(run, job, *INGEST[INGEST.index(stage) :])
    assert is_cataloged(database_engine, job)


def test_stage_that_ran_again_to_its_end_keeps_later_stages_finished(
    make_job: MakeJob, run: Run, database_engine: Engine
):
    job = make_job()
    run_all(run, job, *INGEST[:4])
    run(job, Stage.OPEN_TAR)
    assert jobs.read(database_engine, job).record.finished is Stage.INGEST_FILES


def test_error_text_that_cannot_be_stored_is_made_storable(
    make_job: MakeJob, run: Run, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    def fail(_: object) -> None:
        raise InvalidBundle("a\x00b\ud800c\nd")

    job = make_job()
    monkeypatch.setitem(run_stage.STAGE_FUNCTIONS, Stage.OPEN_TAR, fail)
    with pytest.raises(InvalidBundle):
        run(job, Stage.OPEN_TAR)
    error = jobs.read(database_engine, job).record.error
    assert error is not None
    assert error.text == "bundle_invalid: the uploader must fix this: a\\x00b\\ud800c d"


def test_events_record_the_history_of_a_job(make_job: MakeJob, run: Run, database_engine: Engine):
    job = make_job(b"no tar")
    with pytest.raises(InvalidBundle):
        run(job, Stage.OPEN_TAR)
    with Session(database_engine) as session:
        events = session.scalars(select(Event).where(Event.job_id == job).order_by(Event.id)).all()
    assert [(event.kind, event.code) for event in events] == [
        ("received", None),
        ("stage_started", None),
        ("rejected", None),
        ("stage_failed", InvalidBundle.code),
    ]
