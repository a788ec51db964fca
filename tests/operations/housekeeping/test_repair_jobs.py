"""Housekeeping and `retry`: which jobs they trigger, which runs they clear or replace, and which they leave alone."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, select

from ingest.errors.types import RUN_LOST, RUN_MARKED_FAILED, FenceLost, RunNotStarted, ServiceUnavailable
from ingest.ledger import job_runs, jobs
from ingest.ledger.cancellation import cancel
from ingest.ledger.database import transaction
from ingest.ledger.lease import acquire_job
from ingest.ledger.models import Event, File, FileState
from ingest.operations import housekeeping
from ingest.orchestrator import runs
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.runs import retry
from ingest.settings.loading import DagSettings, Settings
from ingest.states.airflow import Run, TaskInstance
from ingest.states.job_record import JobState, JobStatus, Outcome
from ingest.states.job_state import CLEARS_ALLOWED, GIVEN_UP_TEXT, MARKED_TEXT, failed, job_state
from ingest.states.stages import STAGES, Kind, Pool, Stage
from tests.operations.housekeeping.conftest import QUEUED, Airflow, MakeJob, fail_stage, finish_stage

FAILED_RUN = Run("failed")
WITHOUT_LAST = Run("success", (), (Stage.INGEST_METADATA,))
BY_HAND = JobState(JobStatus.FAILED, "open tar", 0.0, "by hand", complete=True)


def test_pool_that_was_deleted_is_restored(make_job: MakeJob, airflow: Airflow):
    airflow.pools.clear()
    assert housekeeping.run_housekeeping()["pools_restored"] == 1
    assert airflow.pools == {Pool.ARCHIVE: DagSettings().archive_slots}
    assert housekeeping.run_housekeeping()["pools_restored"] == 0


def test_pool_that_cannot_be_restored_does_not_hold_up_the_jobs(
    make_job: MakeJob, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
):
    def refuse(_api: AirflowApi, _pool: dict[str, object]) -> None:
        raise ServiceUnavailable("Airflow", "http://airflow", "403")

    monkeypatch.setattr(AirflowApi, "create_pool", refuse)
    airflow.pools.clear()
    job = make_job(triggered=False)
    with pytest.raises(ServiceUnavailable, match="403"):
        housekeeping.run_housekeeping()
    assert airflow.triggered == [f"job-{job}"]


def test_job_that_was_never_triggered_is_triggered(make_job: MakeJob, airflow: Airflow):
    job = make_job(triggered=False)
    housekeeping.run_housekeeping()
    assert airflow.triggered == [f"job-{job}"]


def test_job_whose_run_was_deleted_is_triggered(make_job: MakeJob, airflow: Airflow):
    job = make_job()
    housekeeping.run_housekeeping()
    assert airflow.triggered == [f"job-{job}"]


def test_job_that_was_triggered_and_never_marked_is_marked(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job(triggered=False)
    airflow.runs[f"job-{job}"] = Run("running")
    housekeeping.run_housekeeping()
    assert jobs.read(database_engine, job).triggered is not None


def test_lost_run_is_cleared_from_the_first_unfinished_stage(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    finish_stage(database_engine, job)
    airflow.runs[f"job-{job}"] = Run("failed", (TaskInstance("open_tar", "success", 1),))
    housekeeping.run_housekeeping()
    assert airflow.cleared == {f"job-{job}": ["load_metadata", "validate_policy", "ingest_files", "ingest_metadata"]}
    assert jobs.read(database_engine, job).record.clears == 1


def test_stage_that_finished_after_airflow_considered_it_failed_is_cleared_too(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    finish_stage(database_engine, job)
    airflow.runs[f"job-{job}"] = Run("failed", (TaskInstance("open_tar", "failed", 1),))
    housekeeping.run_housekeeping()
    assert airflow.cleared == {f"job-{job}": [stage.value for stage in STAGES[Kind.INGEST]]}


def test_lost_run_of_a_canceled_job_is_cleared_until_its_files_are_removed_however_often_and_by_whom_it_was_ended(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    with transaction(database_engine) as session:
        session.add(File(job_id=job, path="data/one", state=FileState.ARCHIVED))
    cancel(database_engine, job, "ada", "ada")
    airflow.marked[f"job-{job}"] = "olga"
    for _ in range(CLEARS_ALLOWED + 2):
        airflow.runs[f"job-{job}"] = FAILED_RUN
        airflow.cleared.clear()
        housekeeping.run_housekeeping()
        assert list(airflow.cleared) == [f"job-{job}"]


def test_run_of_a_canceled_job_that_waits_for_its_next_try_is_cleared_to_remove_the_files(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job, other = make_job(), make_job()
    with transaction(database_engine) as session:
        session.add(File(job_id=job, path="data/one", state=FileState.ARCHIVED))
    cancel(database_engine, job, "ada", "ada")
    for waiting in (job, other):
        airflow.runs[f"job-{waiting}"] = Run("running", (TaskInstance("open_tar", "up_for_retry", 7),))
    housekeeping.run_housekeeping()
    assert list(airflow.cleared) == [f"job-{job}"]


def test_canceled_job_of_which_nothing_was_sent_gets_no_run(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job(triggered=False)
    cancel(database_engine, job, "ada", "ada")
    housekeeping.run_housekeeping()
    assert airflow.triggered == []


def test_run_that_is_lost_repeatedly_is_left_to_an_admin(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings
):
    job = make_job()
    airflow.runs[f"job-{job}"] = FAILED_RUN
    for _ in range(CLEARS_ALLOWED):
        housekeeping.run_housekeeping()
        airflow.runs[f"job-{job}"] = FAILED_RUN
    airflow.cleared.clear()
    before = jobs.read(database_engine, job).record
    assert job_state(before, FAILED_RUN).state == "FAILED"
    assert housekeeping.run_housekeeping()["given_up"] == 1
    assert airflow.cleared == {}
    record = jobs.read(database_engine, job).record
    assert record.is_stopped
    assert job_state(record, FAILED_RUN) == failed(Stage.OPEN_TAR, f"{RUN_LOST}: {GIVEN_UP_TEXT}")
    assert "given_up" not in housekeeping.run_housekeeping()
    retry(database_engine, AirflowApi(settings), job)
    assert list(airflow.cleared) == [f"job-{job}"]
    assert not jobs.read(database_engine, job).record.is_stopped


def test_job_that_makes_progress_while_it_is_checked_is_not_given_up(make_job: MakeJob, database_engine: Engine):
    job = make_job()
    seen = jobs.read(database_engine, job)
    finish_stage(database_engine, job)
    job_runs.give_up(database_engine, seen, RUN_LOST, GIVEN_UP_TEXT)
    assert jobs.read(database_engine, job).record.error is None


def test_job_that_failed_for_good_is_left_alone(make_job: MakeJob, airflow: Airflow, database_engine: Engine):
    job = make_job()
    fail_stage(database_engine, job, final=True)
    airflow.runs[f"job-{job}"] = FAILED_RUN
    housekeeping.run_housekeeping()
    assert (airflow.cleared, airflow.triggered) == ({}, [])


def test_job_that_fails_while_it_is_checked_is_left_alone(make_job: MakeJob, airflow: Airflow, database_engine: Engine):
    job = make_job()
    airflow.runs[f"job-{job}"] = FAILED_RUN
    airflow.on_read = lambda: fail_stage(database_engine, job, final=True)
    housekeeping.run_housekeeping()
    assert airflow.cleared == {}


def test_job_that_an_admin_failed_is_left_alone_until_it_is_retried(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings
):
    job = make_job()
    airflow.runs[f"job-{job}"] = FAILED_RUN
    jobs.override(database_engine, job, BY_HAND)
    housekeeping.run_housekeeping()
    assert airflow.cleared == {}
    retry(database_engine, AirflowApi(settings), job)
    airflow.cleared.clear()
    airflow.runs[f"job-{job}"] = FAILED_RUN
    housekeeping.run_housekeeping()
    assert list(airflow.cleared) == [f"job-{job}"]


def test_retry_that_dies_before_it_clears_is_finished_by_housekeeping(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    fail_stage(database_engine, job, final=True)
    airflow.runs[f"job-{job}"] = FAILED_RUN
    jobs.lift_override(database_engine, job)
    housekeeping.run_housekeeping()
    assert list(airflow.cleared) == [f"job-{job}"]


def test_cataloged_job_is_left_alone(make_job: MakeJob, airflow: Airflow, database_engine: Engine):
    job = make_job()
    with acquire_job(database_engine, job, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.update_job(outcome=Outcome.CATALOGED)
    housekeeping.run_housekeeping()
    assert (airflow.cleared, airflow.triggered) == ({}, [])


def test_job_that_airflow_does_not_answer_about_does_not_hold_up_the_others(make_job: MakeJob, airflow: Airflow):
    first, second = make_job(), make_job()
    airflow.away_for = {f"job-{first}"}
    with pytest.raises(ServiceUnavailable):
        housekeeping.run_housekeeping()
    assert airflow.triggered == [f"job-{second}"]


def events_of(engine: Engine, job: int) -> list[str]:
    with transaction(engine) as session:
        return list(session.scalars(select(Event.kind).where(Event.job_id == job).order_by(Event.id)))


def texts_of(engine: Engine, job: int, kind: str) -> list[str]:
    with transaction(engine) as session:
        return list(session.scalars(select(Event.text).where(Event.job_id == job, Event.kind == kind)))


@pytest.mark.parametrize("state", ["success", "failed", "queued", "running"])
def test_run_whose_tasks_were_deleted_is_replaced(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, state: str
):
    job = make_job()
    airflow.runs[f"job-{job}"] = replace(WITHOUT_LAST, state=state)
    assert housekeeping.run_housekeeping() == {"triggered": 0, "cleared": 1, "pools_restored": 0}
    assert (airflow.deleted, airflow.triggered) == ([f"job-{job}"], [f"job-{job}"])
    assert texts_of(database_engine, job, "run_deleted") == ["the run lacked ingest_metadata"]
    assert jobs.read(database_engine, job).record.clears == 1


def test_run_whose_last_task_was_deleted_is_left_alone_while_another_one_runs(make_job: MakeJob, airflow: Airflow):
    job = make_job()
    airflow.runs[f"job-{job}"] = Run("running", (TaskInstance("open_tar", "running", 1),), WITHOUT_LAST.missing)
    housekeeping.run_housekeeping()
    assert (airflow.deleted, airflow.triggered, airflow.cleared) == ([], [], {})


def test_run_that_loses_its_tasks_repeatedly_is_left_to_an_admin(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    for _ in range(CLEARS_ALLOWED):
        airflow.runs[f"job-{job}"] = WITHOUT_LAST
        housekeeping.run_housekeeping()
    airflow.runs[f"job-{job}"] = WITHOUT_LAST
    assert housekeeping.run_housekeeping()["given_up"] == 1
    assert len(airflow.deleted) == CLEARS_ALLOWED
    assert job_state(jobs.read(database_engine, job).record, WITHOUT_LAST).state == "FAILED"


def test_retry_replaces_a_run_whose_tasks_were_deleted_also_of_a_rejected_job(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings
):
    job = make_job()
    fail_stage(database_engine, job, final=True)
    airflow.runs[f"job-{job}"] = replace(WITHOUT_LAST, state="failed")
    housekeeping.run_housekeeping()
    assert airflow.deleted == []
    retry(database_engine, AirflowApi(settings), job)
    assert (airflow.deleted, airflow.triggered) == ([f"job-{job}"], [f"job-{job}"])


def test_run_is_replaced_when_a_clear_misses_some_of_its_tasks(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings
):
    job = make_job()
    airflow.runs[f"job-{job}"] = WITHOUT_LAST
    # The tasks were deleted after the run was read.
    seen = replace(WITHOUT_LAST, missing=())
    view = jobs.read(database_engine, job)
    runs.restart(database_engine, AirflowApi(settings), view, seen)
    assert (airflow.deleted, airflow.triggered) == ([f"job-{job}"], [f"job-{job}"])


def test_retry_without_effect_raises_an_error(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings
):
    job = make_job()
    airflow.runs[f"job-{job}"] = FAILED_RUN
    airflow.starts = False
    with pytest.raises(RunNotStarted, match=f"job-{job} is failed"):
        retry(database_engine, AirflowApi(settings), job)


def test_retry_of_a_job_that_fails_again_immediately_is_no_error(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings
):
    job = make_job()
    airflow.runs[f"job-{job}"] = FAILED_RUN
    airflow.starts = False
    airflow.on_read = lambda: fail_stage(database_engine, job, final=True) if airflow.cleared else None
    retry(database_engine, AirflowApi(settings), job)


@pytest.mark.parametrize("request_", ["trigger", "clear", "fail", "delete"])
@pytest.mark.parametrize("run", [FAILED_RUN, WITHOUT_LAST])
def test_retry_that_collides_with_another_request_reads_the_run_again(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings, request_: str, run: Run
):
    job = make_job()
    airflow.runs[f"job-{job}"] = run
    airflow.collisions = [request_, request_]
    retry(database_engine, AirflowApi(settings), job)
    assert airflow.runs[f"job-{job}"].state == "queued"
    assert airflow.runs[f"job-{job}"].missing == ()


def test_retry_that_collides_each_time_fails(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings
):
    job = make_job()
    airflow.runs[f"job-{job}"] = FAILED_RUN
    airflow.collisions = ["clear"] * 1000
    with pytest.raises(ServiceUnavailable, match="409"):
        retry(database_engine, AirflowApi(settings), job)


def test_housekeeping_that_collides_with_another_request_checks_the_job_again(make_job: MakeJob, airflow: Airflow):
    first, second = make_job(), make_job()
    airflow.runs |= {f"job-{first}": FAILED_RUN, f"job-{second}": FAILED_RUN}
    airflow.collisions = ["clear"]
    assert housekeeping.run_housekeeping() == {"triggered": 0, "cleared": 2, "pools_restored": 0}


def test_run_of_another_job_under_the_jobs_id_is_replaced(make_job: MakeJob, airflow: Airflow, database_engine: Engine):
    triggered, untriggered = make_job(), make_job(triggered=False)
    names = [f"job-{triggered}", f"job-{untriggered}"]
    airflow.runs |= dict.fromkeys(names, Run("running"))
    airflow.foreign = dict.fromkeys(names, "triggered by ada with the configuration {}")
    assert housekeeping.run_housekeeping()["triggered"] == 2
    assert airflow.deleted == airflow.triggered == names
    for job in (triggered, untriggered):
        assert texts_of(database_engine, job, "run_deleted") == [
            "it was not a run of this job: triggered by ada with the configuration {}"
        ]
        assert jobs.read(database_engine, job).triggered is not None


def test_retry_replaces_a_run_of_another_job_under_the_jobs_id(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings
):
    job = make_job()
    airflow.runs[f"job-{job}"] = Run("success")
    airflow.foreign = {f"job-{job}": "triggered by ada with the configuration {}"}
    retry(database_engine, AirflowApi(settings), job)
    assert airflow.deleted == airflow.triggered == [f"job-{job}"]


def test_run_that_an_operator_marked_as_failed_ends_the_job_until_it_is_retried(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings
):
    job = make_job()
    airflow.runs[f"job-{job}"] = FAILED_RUN
    airflow.marked[f"job-{job}"] = "ada"
    assert housekeeping.run_housekeeping()["stopped"] == 1
    assert airflow.cleared == {}
    record = jobs.read(database_engine, job).record
    assert job_state(record, FAILED_RUN) == failed(Stage.OPEN_TAR, f"{RUN_MARKED_FAILED}: {MARKED_TEXT}")
    assert texts_of(database_engine, job, "stage_failed") == [f"{MARKED_TEXT} (marked by ada)"]
    assert "stopped" not in housekeeping.run_housekeeping()
    retry(database_engine, AirflowApi(settings), job)
    assert list(airflow.cleared) == [f"job-{job}"]


def test_process_of_a_job_that_an_operator_ended_writes_nothing_more(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    airflow.runs[f"job-{job}"] = FAILED_RUN
    airflow.marked[f"job-{job}"] = "ada"
    with acquire_job(database_engine, job, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        housekeeping.run_housekeeping()
        with pytest.raises(FenceLost):
            lease.fail_stage("stage_terminated", "the process was stopped", final=False)
    assert jobs.read(database_engine, job).record.is_stopped


def test_rejection_under_way_is_carried_out_although_an_operator_marked_the_run_as_failed(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    with acquire_job(database_engine, job, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.update_job(outcome=Outcome.REJECTING)
    airflow.runs[f"job-{job}"] = FAILED_RUN
    airflow.marked[f"job-{job}"] = "ada"
    housekeeping.run_housekeeping()
    assert list(airflow.cleared) == [f"job-{job}"]


def test_trigger_that_finds_the_jobs_own_run_records_it_once(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings
):
    job = make_job(triggered=False)
    airflow.runs[f"job-{job}"] = QUEUED
    received = jobs.read(database_engine, job).received
    for _ in range(2):
        assert not runs.trigger(database_engine, AirflowApi(settings), received)
    assert events_of(database_engine, job).count("triggered") == 1
