"""Housekeeping: which jobs it triggers, which runs it clears, and which it leaves alone."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine, delete

from ingest import housekeeping, jobs
from ingest.airflow_api import AirflowApi
from ingest.database import transaction
from ingest.errors import RUN_LOST, ServiceUnavailable
from ingest.jobs import Received
from ingest.ledger import hold
from ingest.models import Job
from ingest.pools import ARCHIVE_POOL
from ingest.running import retry
from ingest.settings import DagSettings, Settings
from ingest.states import (
    CLEARS_ALLOWED,
    GIVEN_UP_TEXT,
    STAGES,
    JobState,
    Kind,
    Outcome,
    Run,
    Stage,
    TaskInstance,
    failed,
    job_state,
)
from tests.received import create_job

MakeJob = Callable[..., int]
FAILED_RUN = Run("failed")
BY_HAND = JobState("FAILED", "open tar", 0.0, "by hand", complete=True)
next_id = iter(range(7_000_000, 8_000_000))


@dataclass
class Airflow:
    """What Airflow answers of each job's run, and what it was asked to do."""

    runs: dict[str, Run] = field(default_factory=dict)
    away_for: set[str] = field(default_factory=set)
    triggered: list[str] = field(default_factory=list)
    cleared: dict[str, list[str]] = field(default_factory=dict)
    pools: dict[str, int] = field(default_factory=lambda: {ARCHIVE_POOL: 4})
    on_read: Callable[[], None] = lambda: None


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Airflow:
    known = Airflow()

    def run(_api: AirflowApi, _dag: str, run_id: str) -> Run:
        known.on_read()
        if run_id in known.away_for:
            raise ServiceUnavailable("Airflow", "http://airflow", "400")
        return known.runs.get(run_id, Run(None))

    def read(_api: AirflowApi, path: str) -> dict[str, int] | None:
        name = path.rpartition("/")[2]
        return {"slots": known.pools[name]} if name in known.pools else None

    monkeypatch.setattr(AirflowApi, "read", read)
    monkeypatch.setattr(AirflowApi, "create_pool", lambda _, pool: known.pools.update({pool["name"]: pool["slots"]}))
    monkeypatch.setattr(housekeeping, "load_settings", lambda: settings)
    monkeypatch.setattr(AirflowApi, "run", run)
    monkeypatch.setattr(AirflowApi, "trigger", lambda _, _dag, run_id, _conf: known.triggered.append(run_id))
    monkeypatch.setattr(AirflowApi, "clear", lambda _, _dag, run_id, tasks: known.cleared.update({run_id: tasks}))
    return known


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url)


@pytest.fixture
def make_job(database_engine: Engine) -> MakeJob:
    """Make a job that is the only unfinished one but for others that the test makes."""
    with transaction(database_engine) as session:
        session.execute(delete(Job))

    def make(*, triggered: bool = True) -> int:
        job = next(next_id)
        create_job(database_engine, Received(job, Kind.INGEST, "ada", f"{job}.tar", 10))
        if triggered:
            jobs.mark_triggered(database_engine, job)
        return job

    return make


def finish_stage(engine: Engine, job: int) -> None:
    with hold(engine, job, Stage.OPEN_TAR, 1) as ledger:
        assert ledger is not None
        ledger.finish()


def fail_stage(engine: Engine, job: int, *, final: bool) -> None:
    with hold(engine, job, Stage.OPEN_TAR, 1) as ledger:
        assert ledger is not None
        ledger.fail("code", "text", final=final)


def test_pool_that_was_deleted_is_restored(make_job: MakeJob, airflow: Airflow):
    airflow.pools.clear()
    assert housekeeping.keep_house()["pools_restored"] == 1
    assert airflow.pools == {ARCHIVE_POOL: DagSettings().archive_slots}
    assert housekeeping.keep_house()["pools_restored"] == 0


def test_pool_that_cannot_be_restored_does_not_hold_up_the_jobs(
    make_job: MakeJob, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
):
    def refuse(_api: AirflowApi, _pool: dict[str, object]) -> None:
        raise ServiceUnavailable("Airflow", "http://airflow", "403")

    monkeypatch.setattr(AirflowApi, "create_pool", refuse)
    airflow.pools.clear()
    job = make_job(triggered=False)
    with pytest.raises(ServiceUnavailable, match="403"):
        housekeeping.keep_house()
    assert airflow.triggered == [f"job-{job}"]


def test_job_that_was_never_triggered_is_triggered(make_job: MakeJob, airflow: Airflow):
    job = make_job(triggered=False)
    housekeeping.keep_house()
    assert airflow.triggered == [f"job-{job}"]


def test_job_whose_run_was_deleted_is_triggered(make_job: MakeJob, airflow: Airflow):
    job = make_job()
    housekeeping.keep_house()
    assert airflow.triggered == [f"job-{job}"]


def test_job_that_was_triggered_and_never_marked_is_marked(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job(triggered=False)
    airflow.runs[f"job-{job}"] = Run("running")
    housekeeping.keep_house()
    assert jobs.read(database_engine, job).triggered is not None


def test_lost_run_is_cleared_from_the_first_unfinished_stage(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    finish_stage(database_engine, job)
    airflow.runs[f"job-{job}"] = Run("failed", (TaskInstance("open_tar", "success", 1),))
    housekeeping.keep_house()
    assert airflow.cleared == {f"job-{job}": ["load_metadata", "validate_policy", "ingest_files", "ingest_metadata"]}
    assert jobs.read(database_engine, job).record.clears == 1


def test_stage_that_finished_after_airflow_had_given_it_up_is_cleared_too(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    finish_stage(database_engine, job)
    airflow.runs[f"job-{job}"] = Run("failed", (TaskInstance("open_tar", "failed", 1),))
    housekeeping.keep_house()
    assert airflow.cleared == {f"job-{job}": [stage.value for stage in STAGES[Kind.INGEST]]}


def test_run_that_is_lost_time_and_again_is_left_to_an_admin(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings
):
    job = make_job()
    airflow.runs[f"job-{job}"] = FAILED_RUN
    for _ in range(CLEARS_ALLOWED):
        housekeeping.keep_house()
    airflow.cleared.clear()
    before = jobs.read(database_engine, job).record
    assert job_state(before, FAILED_RUN).state == "FAILED"
    assert housekeeping.keep_house()["given_up"] == 1
    assert airflow.cleared == {}
    record = jobs.read(database_engine, job).record
    assert record.is_stopped
    assert job_state(record, FAILED_RUN) == failed(Stage.OPEN_TAR, f"{RUN_LOST}: {GIVEN_UP_TEXT}")
    assert "given_up" not in housekeeping.keep_house()
    retry(database_engine, AirflowApi(settings), job)
    assert list(airflow.cleared) == [f"job-{job}"]
    assert not jobs.read(database_engine, job).record.is_stopped


def test_job_that_goes_on_while_it_is_looked_at_is_not_given_up(make_job: MakeJob, database_engine: Engine):
    job = make_job()
    seen = jobs.read(database_engine, job)
    finish_stage(database_engine, job)
    jobs.give_up(database_engine, seen)
    assert jobs.read(database_engine, job).record.error is None


def test_job_that_failed_by_its_own_fault_is_left_alone(make_job: MakeJob, airflow: Airflow, database_engine: Engine):
    job = make_job()
    fail_stage(database_engine, job, final=True)
    airflow.runs[f"job-{job}"] = FAILED_RUN
    housekeeping.keep_house()
    assert (airflow.cleared, airflow.triggered) == ({}, [])


def test_job_that_fails_while_it_is_looked_at_is_left_alone(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    airflow.runs[f"job-{job}"] = FAILED_RUN
    airflow.on_read = lambda: fail_stage(database_engine, job, final=True)
    housekeeping.keep_house()
    assert airflow.cleared == {}


def test_job_that_an_admin_failed_is_left_alone_until_it_is_retried(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, settings: Settings
):
    job = make_job()
    airflow.runs[f"job-{job}"] = FAILED_RUN
    jobs.override(database_engine, job, BY_HAND)
    housekeeping.keep_house()
    assert airflow.cleared == {}
    retry(database_engine, AirflowApi(settings), job)
    airflow.cleared.clear()
    housekeeping.keep_house()
    assert list(airflow.cleared) == [f"job-{job}"]


def test_retry_that_dies_before_it_clears_is_finished_by_housekeeping(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    fail_stage(database_engine, job, final=True)
    airflow.runs[f"job-{job}"] = FAILED_RUN
    jobs.lift_override(database_engine, job)
    housekeeping.keep_house()
    assert list(airflow.cleared) == [f"job-{job}"]


def test_catalogued_job_is_left_alone(make_job: MakeJob, airflow: Airflow, database_engine: Engine):
    job = make_job()
    with hold(database_engine, job, Stage.OPEN_TAR, 1) as ledger:
        assert ledger is not None
        ledger.set(outcome=Outcome.CATALOGUED)
    housekeeping.keep_house()
    assert (airflow.cleared, airflow.triggered) == ({}, [])


def test_job_that_airflow_does_not_answer_about_does_not_hold_up_the_others(make_job: MakeJob, airflow: Airflow):
    first, second = make_job(), make_job()
    airflow.away_for = {f"job-{first}"}
    with pytest.raises(ServiceUnavailable):
        housekeeping.keep_house()
    assert airflow.triggered == [f"job-{second}"]
