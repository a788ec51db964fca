"""Which job of a user starts, and in which order its tasks wait, with a real PostgreSQL and a scripted Airflow."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete

from ingest.ledger import jobs
from ingest.ledger.database import transaction
from ingest.ledger.jobs import Received, override
from ingest.ledger.lease import acquire_job
from ingest.ledger.models import Job
from ingest.ledger.user_jobs import PLACE, PLACES, place_in_line
from ingest.operations import housekeeping
from ingest.orchestrator import start_jobs
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import Settings
from ingest.states.job_record import JobState, JobStatus, Outcome
from ingest.states.stages import Kind, Stage
from ingest.states.waiting import Cause, Waiting
from tests.job_creation import create_job
from tests.orchestrator.scripted_airflow import TASKS, Airflow, scripted_airflow, tasks

LIMIT = 2
RUNS = "/api/v2/dags/ingest/dagRuns"
BY_HAND = JobState(JobStatus.FAILED, "open tar", 0.0, "by hand", complete=True)
MakeJobs = Callable[..., list[int]]
next_id = iter(range(8_000_000, 9_000_000))


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    with scripted_airflow() as airflow:
        airflow.answer("POST", RUNS, (200, {}))
        airflow.answer("POST", TASKS, (200, {"task_instances": []}))
        yield airflow


@pytest.fixture
def settings(database_url: str, airflow: Airflow) -> Settings:
    return Settings(database_url=database_url, airflow_url=airflow.url, user_running_jobs=LIMIT, authentication="open")


@pytest.fixture
def api(settings: Settings) -> AirflowApi:
    return AirflowApi(settings)


@pytest.fixture
def make_jobs(database_engine: Engine) -> MakeJobs:
    """Return a function that makes jobs of a user; the ledger has no jobs of other tests."""
    with transaction(database_engine) as session:
        session.execute(delete(Job))

    def make(count: int, user: str = "ada") -> list[int]:
        made = [next(next_id) for _ in range(count)]
        for job in made:
            create_job(database_engine, Received(job, Kind.INGEST, user, f"{job}.tar", 10))
        return made

    return make


def received(engine: Engine, job: int) -> Received:
    return jobs.read(engine, job).received


def triggered(airflow: Airflow) -> list[str]:
    return [each.body["dag_run_id"] for each in airflow.received if each.path == RUNS]


def names(made: list[int]) -> list[str]:
    return [f"job-{job}" for job in made]


def end(engine: Engine, job: int) -> None:
    with acquire_job(engine, job, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.fail_stage("code", "text", final=True)


def wait(engine: Engine, job: int) -> None:
    cause = Cause("archive", "http://archive", "service_unavailable", "refused")
    with acquire_job(engine, job, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        waiting = Waiting.begin(cause, datetime.now(UTC))
        lease.fail_stage(cause.code, cause.reason, final=False, waiting=waiting)


def test_jobs_of_one_user_above_the_limit_wait_and_those_of_another_start(
    settings: Settings, database_engine: Engine, api: AirflowApi, airflow: Airflow, make_jobs: MakeJobs
):
    many, one = make_jobs(5), make_jobs(1, "bob")
    begun = [start_jobs.start(settings, database_engine, api, received(database_engine, job)) for job in (*many, *one)]
    assert begun == [True] * LIMIT + [False] * 3 + [True]
    assert triggered(airflow) == names(many[:LIMIT] + one)
    assert jobs.read(database_engine, many[-1]).triggered is None


def test_without_authentication_the_default_user_is_everybody_and_no_job_waits(
    settings: Settings, database_engine: Engine, api: AirflowApi, make_jobs: MakeJobs
):
    many = make_jobs(5, settings.default_user)
    assert all(start_jobs.start(settings, database_engine, api, received(database_engine, job)) for job in many)


@pytest.mark.parametrize("how", ["failed", "failed by an admin", "catalogued", "waits for a service"])
def test_a_job_that_ends_or_waits_starts_the_next_one_of_its_user(
    how: str, settings: Settings, database_engine: Engine, api: AirflowApi, airflow: Airflow, make_jobs: MakeJobs
):
    first, second, third, fourth = make_jobs(4)
    make_jobs(1, "bob")
    for job in (first, second):
        start_jobs.start(settings, database_engine, api, received(database_engine, job))
    start_jobs.start_next(settings, database_engine, lambda: api, first)
    assert triggered(airflow) == names([first, second])
    if how == "failed":
        end(database_engine, first)
    elif how == "waits for a service":
        wait(database_engine, first)
    elif how == "catalogued":
        with transaction(database_engine) as session:
            session.get_one(Job, first).outcome = Outcome.CATALOGED
    else:
        override(database_engine, first, BY_HAND)
    start_jobs.start_next(settings, database_engine, lambda: api, first)
    assert triggered(airflow) == names([first, second, third])
    # It may be repeated, as after a kill.
    start_jobs.start_next(settings, database_engine, lambda: api, first)
    assert triggered(airflow) == names([first, second, third])
    assert jobs.read(database_engine, fourth).triggered is None


def test_the_next_job_is_left_to_housekeeping_while_airflow_is_unavailable(
    settings: Settings,
    database_engine: Engine,
    api: AirflowApi,
    airflow: Airflow,
    make_jobs: MakeJobs,
    monkeypatch: pytest.MonkeyPatch,
):
    first, second, third, fourth = make_jobs(4)
    for job in (first, second):
        start_jobs.start(settings, database_engine, api, received(database_engine, job))
    end(database_engine, first)
    airflow.answer("POST", RUNS, (503, {"detail": "down"}))
    start_jobs.start_next(settings, database_engine, lambda: api, first)
    assert jobs.read(database_engine, third).triggered is None
    airflow.answer("POST", RUNS, (200, {}))
    running = tasks("running", run_id=f"job-{second}")
    airflow.answer("POST", TASKS, (200, {"task_instances": running}), (200, {"task_instances": []}))
    airflow.answer("GET", "/api/v2/pools/archive", (200, {"slots": 4}))
    airflow.answer("GET", f"{RUNS}/job-{third}", (404, {}))
    monkeypatch.setattr(housekeeping, "load_settings", lambda: settings)
    housekeeping.run_housekeeping()
    assert jobs.read(database_engine, third).triggered is not None
    assert jobs.read(database_engine, fourth).triggered is None


def test_tasks_of_a_users_only_job_come_before_those_of_the_many_that_another_has_just_sent(
    database_engine: Engine, make_jobs: MakeJobs
):
    many = [place_in_line(database_engine, job) for job in make_jobs(PLACES + 4)]
    one = place_in_line(database_engine, make_jobs(1, "bob")[0])
    assert one < many[1]
    assert many[:PLACES] == sorted(many[:PLACES])


def test_no_job_waits_behind_newer_ones_without_limit(database_engine: Engine, make_jobs: MakeJobs):
    last = place_in_line(database_engine, make_jobs(PLACES + 4)[-1])
    newest = place_in_line(database_engine, make_jobs(1, "bob")[0])
    assert newest + (PLACES - 1) * PLACE > last
    # The logical date is never in the future, even for a slow clock: Airflow would wait until then.
    assert last < datetime.now(UTC) - timedelta(seconds=30)
