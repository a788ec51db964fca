"""`POST /jobs/N/cancel` and `POST /jobs/N/retry`: what they answer, and what they need Airflow for."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func

from api.resources import resources_of
from ingest.errors.types import JobCanceled
from ingest.ledger import jobs
from ingest.ledger.database import transaction
from ingest.ledger.jobs import Received
from ingest.ledger.models import File, FileState
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import Settings
from ingest.states.job_record import Outcome
from ingest.states.stages import STAGES, Kind
from tests.api.routes.states import change, state
from tests.job_creation import create_job
from tests.ledger.job_rows import events
from tests.orchestrator.scripted_airflow import TASKS, Airflow, job_run, scripted_airflow, task, tasks

CLEAR = "/api/v2/dags/ingest/clearTaskInstances"
ALL_TASKS = [stage.value for stage in STAGES[Kind.INGEST]]


@pytest.fixture
def server() -> Iterator[Airflow]:
    with scripted_airflow() as airflow:
        yield airflow


@pytest.fixture
def app(make_app: Callable[..., Flask], settings: Settings, server: Airflow) -> Flask:
    return make_app(airflow=AirflowApi(settings.model_copy(update={"airflow_url": server.url})))


@pytest.fixture
def stored_job(engine: Engine, job_id: int) -> int:
    """Return a job of which the archive may hold a file."""
    with transaction(engine) as session:
        session.add(File(job_id=job_id, path="data/one", state=FileState.ARCHIVED))
    return job_id


def run_path(job_id: int) -> str:
    return f"/api/v2/dags/ingest/dagRuns/job-{job_id}"


def cancel(client: FlaskClient, job_id: int) -> dict[str, object]:
    answer = client.post(f"/jobs/{job_id}/cancel")
    assert answer.status_code == 200, answer.text
    document: dict[str, object] = answer.get_json()
    return document


def test_job_that_sent_nothing_is_canceled_and_its_run_ends(
    client: FlaskClient, engine: Engine, server: Airflow, job_id: int
):
    server.answer("PATCH", run_path(job_id), (200, {}))
    answered = cancel(client, job_id)
    assert (answered["state"], answered["complete"]) == ("FAILED", True)
    assert str(answered["exception"]).startswith("canceled: by anonymous at ")
    assert server.requests() == [f"PATCH {run_path(job_id)}"]
    assert state(client, job_id) == {**answered, "updated": state(client, job_id)["updated"]}
    assert events(engine, job_id)[-1] == ("canceled", "by anonymous")


def test_second_call_answers_the_same(client: FlaskClient, engine: Engine, server: Airflow, job_id: int):
    server.answer("PATCH", run_path(job_id), (200, {}))
    assert cancel(client, job_id) == cancel(client, job_id)
    assert [kind for kind, _ in events(engine, job_id)].count("canceled") == 1


@pytest.mark.parametrize("stored", [False, True])
def test_job_is_canceled_without_airflow(client: FlaskClient, engine: Engine, job_id: int, stored: bool):
    if stored:
        with transaction(engine) as session:
            session.add(File(job_id=job_id, path="data/one", state=FileState.SENDING))
    # Nothing is scripted: Airflow answers 500 to everything.
    assert cancel(client, job_id)["state"] == "FAILED"
    assert jobs.read(engine, job_id).record.is_unfinished is stored


@pytest.mark.parametrize("task_state", ["up_for_retry", "failed", "success"])
def test_run_that_waits_or_has_ended_continues_immediately_to_remove_the_files(
    client: FlaskClient, server: Airflow, stored_job: int, task_state: str
):
    run_id = f"job-{stored_job}"
    server.answer("POST", TASKS, (200, {"task_instances": tasks(task_state, 1, run_id)}))
    server.answer("GET", run_path(stored_job), (200, job_run("failed", stored_job)))
    server.answer("POST", CLEAR, (200, {"task_instances": [{"task_id": name} for name in ALL_TASKS]}))
    cancel(client, stored_job)
    assert server.received[-1].path == CLEAR
    assert server.received[-1].body["task_ids"] == ALL_TASKS


@pytest.mark.parametrize("task_state", ["running", "queued", "scheduled"])
def test_stage_that_runs_or_is_about_to_is_not_cleared(
    client: FlaskClient, server: Airflow, stored_job: int, task_state: str
):
    server.answer("POST", TASKS, (200, {"task_instances": tasks(task_state, 1, f"job-{stored_job}")}))
    cancel(client, stored_job)
    assert server.requests() == [f"POST {TASKS}"]


def test_run_that_was_deleted_is_triggered_to_remove_the_files(client: FlaskClient, server: Airflow, stored_job: int):
    server.answer("POST", TASKS, (200, {"task_instances": []}))
    server.answer("GET", run_path(stored_job), (404, {}))
    server.answer("POST", "/api/v2/dags/ingest/dagRuns", (200, {}))
    cancel(client, stored_job)
    assert server.requests()[-1] == "POST /api/v2/dags/ingest/dagRuns"


def test_run_in_which_a_later_stage_waits_continues(client: FlaskClient, server: Airflow, stored_job: int):
    run_id = f"job-{stored_job}"
    done, waiting = task("success", 1, run_id), task("up_for_retry", 3, run_id, "load_metadata")
    others = [task(None, 0, run_id, name) for name in ALL_TASKS[2:]]
    server.answer("POST", TASKS, (200, {"task_instances": [done, waiting, *others]}))
    server.answer("POST", CLEAR, (200, {"task_instances": [{"task_id": name} for name in ALL_TASKS]}))
    cancel(client, stored_job)
    assert server.received[-1].path == CLEAR


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"outcome": Outcome.CATALOGED}, "job_finished"),
        ({"outcome": Outcome.CATALOGING, "catalogue_settles": func.now()}, "job_being_cataloged"),
    ],
)
def test_job_that_the_catalog_holds_or_may_hold_is_refused(
    client: FlaskClient, engine: Engine, server: Airflow, job_id: int, columns: dict[str, object], code: str
):
    change(engine, job_id, **columns)
    answer = client.post(f"/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.get_json()["code"]) == (409, code)
    assert server.requests() == []


def test_canceled_job_cannot_be_retried(client: FlaskClient, engine: Engine, server: Airflow, job_id: int):
    server.answer("PATCH", run_path(job_id), (200, {}))
    canceled = cancel(client, job_id)
    answer = client.post(f"/jobs/{job_id}/retry")
    assert (answer.status_code, answer.get_json()["code"]) == (409, JobCanceled.code)
    assert str(canceled["exception"]) in answer.get_json()["message"]


def test_next_job_of_the_user_starts_when_one_is_canceled(
    make_app: Callable[..., Flask], settings: Settings, server: Airflow, engine: Engine
):
    limited = settings.model_copy(update={"user_running_jobs": 1, "airflow_url": server.url})
    app = make_app(limited, AirflowApi(limited))
    first, second = resources_of(app).services.uniqueid.allocate("upload_job", 2)
    for job in (first, second):
        create_job(engine, Received(job, Kind.INGEST, f"user of {first}", f"{job}.tar", 1))
    server.answer("PATCH", run_path(first), (200, {}))
    server.answer("POST", "/api/v2/dags/ingest/dagRuns", (200, {}))
    cancel(app.test_client(), first)
    assert server.received[-1].body["conf"]["job_id"] == second


def test_retry_clears_the_run_and_may_be_repeated(client: FlaskClient, engine: Engine, server: Airflow, job_id: int):
    run_id = f"job-{job_id}"
    server.answer("POST", "/api/v2/dags/ingest/dagRuns", (409, {}))
    server.answer("POST", TASKS, (200, {"task_instances": tasks("queued", 2, run_id)}))
    server.answer("GET", run_path(job_id), (200, job_run("queued", job_id)))
    server.answer("POST", CLEAR, (200, {"task_instances": [{"task_id": name} for name in ALL_TASKS]}))
    error = {"stage": "open_tar", "code": "service_unavailable", "text": "why", "final": True, "attempt": 9}
    change(engine, job_id, error=error)
    for _ in range(2):
        answer = client.post(f"/jobs/{job_id}/retry")
        assert (answer.status_code, answer.get_json()["state"]) == (200, "OK"), answer.text
    assert not jobs.read(engine, job_id).record.is_stopped
    assert [kind for kind, _ in events(engine, job_id)].count("retry") == 2


def test_retry_without_airflow_is_refused_and_left_to_housekeeping(client: FlaskClient, engine: Engine, job_id: int):
    error = {"stage": "open_tar", "code": "service_unavailable", "text": "why", "final": True, "attempt": 9}
    change(engine, job_id, error=error)
    answer = client.post(f"/jobs/{job_id}/retry")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "service_unavailable")
    assert jobs.read(engine, job_id).record.is_unfinished
