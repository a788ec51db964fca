"""A canceled job leaves nothing in the archive, whatever it had done, and no stage continues it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.archiving import rejection
from ingest.errors.types import JobCanceled, RejectedBefore, RejectionUnfinished, ServiceUnavailable
from ingest.ledger import jobs, lease
from ingest.ledger.cancellation import cancel
from ingest.services.archive_folder import FolderArchive
from ingest.settings.loading import Settings
from ingest.stages import run_stage
from ingest.states.airflow import Run as AirflowRun
from ingest.states.job_record import JobState, Outcome
from ingest.states.job_state import job_state
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob
from tests.killing import Killed, die
from tools.bundles import file_entry, transaction

Run = Callable[[int, Stage], object]
INGEST = STAGES[Kind.INGEST]


@pytest.fixture
def run(settings: Settings, shared_engine: None, no_waiting: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a stage as a task does."""
    monkeypatch.setattr(run_stage, "load_settings", lambda: settings)
    return lambda job, stage: run_stage.run_stage(stage, job, 1, last_try=True)


def stored(folder: Path) -> list[Path]:
    return [path for path in (folder / "archive").glob("*/*/*") if path.is_file()]


def state(engine: Engine, job: int) -> JobState:
    return job_state(jobs.read(engine, job).record, AirflowRun("running"))


@pytest.mark.parametrize("done", range(len(INGEST)))
def test_job_that_is_canceled_between_two_stages_leaves_nothing_and_no_stage_continues_it(
    make_job: MakeJob, run: Run, database_engine: Engine, tmp_path: Path, done: int
):
    job = make_job()
    for stage in INGEST[:done]:
        run(job, stage)
    cancel(database_engine, job, "ada", "ada")
    shown = state(database_engine, job)
    for stage in (INGEST[done], *INGEST):
        with pytest.raises((JobCanceled, RejectedBefore)):
            run(job, stage)
    assert jobs.read(database_engine, job).record.is_rejected
    assert stored(tmp_path) == []
    assert state(database_engine, job) == shown
    assert (shown.state, shown.task) == ("FAILED", INGEST[done].label)


def test_moved_sources_are_restored(make_job: MakeJob, run: Run, database_engine: Engine, tmp_path: Path):
    source = tmp_path / "move" / "one"
    source.write_bytes(b"one\n")
    document = [*transaction(), file_entry("data/one", b"one\n", source=str(source))]
    job = make_job(json.dumps(document).encode(), Kind.MOVE)
    for stage in STAGES[Kind.MOVE][:-1]:
        run(job, stage)
    assert not source.exists()
    cancel(database_engine, job, "ada", "ada")
    with pytest.raises(RejectedBefore):
        run(job, Stage.INGEST_METADATA)
    assert source.read_bytes() == b"one\n"
    assert [path.name for path in source.parent.iterdir()] == ["one"]
    assert stored(tmp_path) == []


def test_files_are_removed_when_the_archive_is_available_again(
    make_job: MakeJob, run: Run, database_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    job = make_job()
    for stage in INGEST[:4]:
        run(job, stage)
    cancel(database_engine, job, "ada", "ada")
    shown = state(database_engine, job)

    def unavailable(*_: object) -> None:
        raise ServiceUnavailable("archive", "http://archive", "away")

    with monkeypatch.context() as broken:
        broken.setattr(FolderArchive, "delete", unavailable)
        with pytest.raises(RejectionUnfinished):
            run(job, Stage.INGEST_METADATA)
    record = jobs.read(database_engine, job).record
    assert (record.outcome, record.is_unfinished) == (Outcome.REJECTING, True)
    assert state(database_engine, job) == shown
    with pytest.raises(RejectedBefore):
        run(job, Stage.INGEST_METADATA)
    assert stored(tmp_path) == []
    assert state(database_engine, job) == shown


@pytest.mark.parametrize("killed_at", ["removed", "rejected", "failed"])
def test_cancellation_that_a_kill_interrupted_is_finished_by_the_next_stage(
    make_job: MakeJob,
    run: Run,
    database_engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed_at: str,
):
    job = make_job()
    for stage in INGEST[:4]:
        run(job, stage)
    cancel(database_engine, job, "ada", "ada")
    with monkeypatch.context() as killed:
        if killed_at == "failed":
            killed.setattr(lease.JobLease, "fail_stage", die)
        else:
            reached = f"rejection.{killed_at}"
            killed.setattr(rejection, "failpoint", lambda name, _job: die() if name == reached else None)
        with pytest.raises(Killed):
            run(job, Stage.INGEST_METADATA)
    assert jobs.read(database_engine, job).record.is_unfinished
    with pytest.raises(RejectedBefore):
        run(job, Stage.INGEST_METADATA)
    assert jobs.read(database_engine, job).record.is_rejected
    with pytest.raises(JobCanceled):
        run(job, Stage.INGEST_METADATA)
    assert stored(tmp_path) == []
