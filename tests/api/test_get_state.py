from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, update

from api.recent_runs import WAIT_SECONDS, RecentRuns
from api.resources import EXTENSION
from ingest import expected_run, jobs
from ingest.airflow_api import AirflowApi
from ingest.database import transaction
from ingest.errors import DatabaseUnavailable, ServiceUnavailable
from ingest.models import Job
from ingest.settings import Settings
from ingest.states import CLEARS_ALLOWED, JobState, Kind, Outcome, Run, TaskInstance
from tests.api.live_server import Server
from tests.received import create_job

RUNNING = Run("running", (TaskInstance("open_tar", "success", 1), TaskInstance("load_metadata", "running", 1)))


@dataclass
class ScriptedAirflow(AirflowApi):
    """Airflow that says what the test wants, and remembers what it was asked."""

    answer: Run | None = None
    answers: list[Run] = field(default_factory=list)
    before_answer: Callable[[], None] = lambda: None
    asked: list[dict[str, str]] = field(default_factory=list)

    def runs(self, dags: Mapping[str, str], seconds: float | None = None) -> dict[str, Run]:
        assert seconds == WAIT_SECONDS
        self.asked.append(dict(dags))
        self.before_answer()
        if self.answer is None:
            raise ServiceUnavailable("Airflow", "http://test", "it is away")
        return dict.fromkeys(dags, self.answers.pop(0) if self.answers else self.answer)


@pytest.fixture
def airflow() -> ScriptedAirflow:
    return ScriptedAirflow()


@pytest.fixture
def app(make_app: Callable[..., Flask], airflow: ScriptedAirflow, patience: None) -> Flask:
    return make_app(airflow=airflow)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def engine(app: Flask) -> Engine:
    known: Engine = app.extensions[EXTENSION].engine
    return known


@pytest.fixture
def job_id(app: Flask, engine: Engine) -> int:
    """A job that was received and triggered, a while ago."""
    allocated: int = app.extensions[EXTENSION].services.uniqueid.allocate("upload_job", 1)[0]
    create_job(engine, jobs.Received(allocated, Kind.INGEST, "anonymous", f"{allocated}-00000000.tar", 1))
    jobs.mark_triggered(engine, allocated)
    change(engine, allocated, updated=func.now() - timedelta(minutes=1))
    return allocated


def change(engine: Engine, job_id: int, **values: object) -> None:
    with transaction(engine) as session:
        session.execute(update(Job).where(Job.id == job_id).values(**values))


def state(client: FlaskClient, job_id: int) -> dict[str, Any]:
    answer = client.get(f"/get_state?job_id={job_id}")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.get_json()
    assert document["job_id"] == job_id
    return document


def test_a_running_stage_is_shown_with_its_progress(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.answer = RUNNING
    change(engine, job_id, stage="load_metadata", percent=41.26)
    document = state(client, job_id)
    assert (document["state"], document["task"], document["task_percent"]) == ("OK", "load metadata", "41.3")
    assert airflow.asked == [{f"job-{job_id}": "ingest"}]


def test_airflow_is_not_asked_for_a_job_that_has_just_gone_on(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A commit can take as long as the real one on a busy disk.
    monkeypatch.setattr(expected_run, "BELIEVED_SECONDS", 60.0)
    change(engine, job_id, stage="load_metadata", percent=41.26, holder="a process", updated=func.now())
    document = state(client, job_id)
    assert (document["state"], document["task"], document["task_percent"]) == ("OK", "load metadata", "41.3")
    assert airflow.asked == []


def test_the_state_that_was_answered_is_kept_and_answered_while_airflow_is_away(
    app: Flask, client: FlaskClient, airflow: ScriptedAirflow, job_id: int
) -> None:
    airflow.answer = RUNNING
    before = state(client, job_id)
    assert before["task"] == "load metadata"
    app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], runs=RecentRuns(airflow))
    airflow.answer = None
    assert state(client, job_id) == before


def test_airflows_absence_is_not_kept(client: FlaskClient, engine: Engine, job_id: int) -> None:
    assert state(client, job_id)["task"] == "UPLOADING"
    assert jobs.read(engine, job_id).record.last is None


def test_a_state_that_cannot_be_kept_is_answered(
    client: FlaskClient, airflow: ScriptedAirflow, job_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise DatabaseUnavailable("read only")

    monkeypatch.setattr(jobs, "keep_last_state", refuse)
    airflow.answer = RUNNING
    assert state(client, job_id)["task"] == "load metadata"


def test_a_catalogued_job_is_complete_and_airflow_is_not_asked(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    change(engine, job_id, outcome=Outcome.CATALOGUED)
    document = state(client, job_id)
    assert (document["task"], document["task_percent"], document["complete"]) == ("ingest metadata", "100.0", True)
    assert airflow.asked == []


def test_an_overridden_job_is_as_the_admin_said_and_airflow_is_not_asked(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    jobs.override(engine, job_id, JobState("FAILED", "ingest files", 0.0, "by hand", complete=True))
    document = state(client, job_id)
    assert (document["state"], document["task"], document["exception"]) == ("FAILED", "ingest files", "by hand")
    assert airflow.asked == []


def test_airflow_is_not_asked_for_a_job_that_was_never_triggered(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    change(engine, job_id, triggered=None)
    assert state(client, job_id)["task"] == "UPLOADING"
    assert airflow.asked == []


def test_a_job_that_is_catalogued_while_airflow_is_asked_is_not_shown_as_skipped(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.before_answer = lambda: change(engine, job_id, outcome=Outcome.CATALOGUED)
    airflow.answer = Run("success", ())
    document = state(client, job_id)
    assert (document["state"], document["task"], document["complete"]) == ("OK", "ingest metadata", True)


def test_a_run_that_is_cleared_for_the_last_time_while_airflow_is_asked_is_not_shown_as_failed(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    def clear() -> None:
        airflow.before_answer = lambda: None
        jobs.count_clear(engine, job_id)

    change(engine, job_id, clears=CLEARS_ALLOWED - 1)
    airflow.answers = [Run("failed", (TaskInstance("open_tar", "failed", 1),))]
    airflow.before_answer, airflow.answer = clear, Run("queued", (TaskInstance("open_tar", None, 2),))
    document = state(client, job_id)
    assert (document["state"], document["complete"]) == ("OK", False)


def test_a_job_id_in_the_path_is_answered_as_well(client: FlaskClient, job_id: int) -> None:
    assert client.get(f"/get_state/{job_id}").get_json() == state(client, job_id)


def test_the_keys_are_the_documented_ones(client: FlaskClient, job_id: int) -> None:
    assert state(client, job_id).keys() == {
        "job_id", "state", "task", "task_percent", "updated", "created", "exception", "complete"
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/get_state", "/get_state?job_id=", "/get_state?job_id=abc", "/get_state/1.5"])
def test_a_job_id_that_is_missing_or_no_integer(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert (answer.get_json()["status"], answer.get_json()["code"]) == ("400 Bad Request", "job_id_invalid")


@pytest.mark.parametrize("job_id", [999999999999, 2**63, 10**90, -1])
def test_an_unknown_job(client: FlaskClient, job_id: int) -> None:
    answer = client.get(f"/get_state?job_id={job_id}")
    assert answer.status_code == 404
    message = f"job ID {job_id} does not exist."
    assert answer.get_json() == {"status": "404 Not Found", "code": "job_unknown", "message": message}


def test_the_database_is_away(settings: Settings, make_app: Callable[..., Flask]) -> None:
    away = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/none"})
    answer = make_app(away).test_client().get("/get_state?job_id=1")
    assert answer.status_code == 503
    assert "database of jobs" in answer.get_json()["message"]


def test_the_root_says_that_the_service_is_up(server: Server) -> None:
    answer = requests.get(f"{server.url}/", timeout=30)
    assert (answer.status_code, answer.json()) == (200, {"message": "Pacifica Ingest Up and Running"})
