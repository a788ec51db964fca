import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, update

from api.polling.recent_runs import WAIT_SECONDS, RecentRuns
from api.resources import EXTENSION, Resources
from ingest.errors.types import DatabaseUnavailable, ServiceUnavailable
from ingest.ledger import jobs
from ingest.ledger.database import transaction
from ingest.ledger.models import Job
from ingest.orchestrator import inferred_run
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import Settings
from ingest.states.airflow import Run, TaskInstance
from ingest.states.job_record import JobState, JobStatus, Outcome
from ingest.states.job_state import CLEARS_ALLOWED
from ingest.states.stages import Kind
from tests.api.live_server import Server
from tests.orchestrator.airflow_documents import Document, documents, with_dag
from tests.received import create_job
from tools.waiting import wait_until

FAILED_RUN = Run("failed", (TaskInstance("open_tar", "failed", 1),))
NO_TAR = {"stage": "open_tar", "code": "no_tar", "text": "why", "attempt": 1}
RUNNING = Run("running", (TaskInstance("open_tar", "success", 1), TaskInstance("load_metadata", "running", 1)))


@dataclass
class ScriptedAirflow(AirflowApi):
    """Airflow that says what the test wants, and remembers what it was asked."""

    answer: Run | None = None
    answers: list[Run] = field(default_factory=list)
    before_answer: Callable[[], None] = lambda: None
    asked: list[dict[str, str]] = field(default_factory=list)
    documents: dict[str, Document | None] = field(default_factory=documents)

    def read(self, path: str, seconds: float | None = None, missing: int = 404) -> Any | None:  # noqa: ARG002
        return self.documents[path]

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
def app(make_app: Callable[..., Flask], airflow: ScriptedAirflow) -> Flask:
    return make_app(airflow=airflow)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def engine(app: Flask) -> Engine:
    resources: Engine = app.extensions[EXTENSION].engine
    return resources


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


def wait_for_state(client: FlaskClient, job_id: int, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Poll until the state is as wanted: no poll waits for Airflow."""
    found: list[dict[str, Any]] = []

    def reached() -> bool:
        found.append(state(client, job_id))
        return until(found[-1])

    wait_until(reached, 30, lambda: f"the state stays at {found[-1]}")
    return found[-1]


def wait_until_airflow_was_heard(client: FlaskClient, airflow: ScriptedAirflow, job_id: int) -> dict[str, Any]:
    """Poll until Airflow's answer, whatever it is, is part of the state."""
    state(client, job_id)
    wait_until(lambda: bool(airflow.asked), 30, lambda: "Airflow is not asked")
    # What comes back from it is kept a moment later.
    resources = cast(Resources, client.application.extensions[EXTENSION]).runs
    wait_until(lambda: all(each.requested is not None for each in resources._polled.values()), 30, lambda: "no answer")
    return state(client, job_id)


def test_a_running_stage_is_shown_with_its_progress(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.answer = RUNNING
    change(engine, job_id, stage="load_metadata", percent=41.26)
    document = wait_for_state(client, job_id, lambda state: bool(state["task"] == "load metadata"))
    assert (document["state"], document["task"], document["task_percent"]) == ("OK", "load metadata", "41.3")
    assert airflow.asked[0] == {f"job-{job_id}": "ingest"}


@pytest.mark.parametrize(
    ("columns", "task", "percent"),
    [
        ({"stage": None}, "UPLOADING", "0.0"),
        ({"stage": "load_metadata", "percent": 41.26, "holder": "a process"}, "load metadata", "41.3"),
        ({"finished": "open_tar"}, "open tar", "100.0"),
    ],
)
def test_a_poll_before_airflows_first_answer_is_answered_from_the_ledger(
    client: FlaskClient,
    airflow: ScriptedAirflow,
    engine: Engine,
    job_id: int,
    columns: dict[str, object],
    task: str,
    percent: str,
) -> None:
    hangs = threading.Event()
    airflow.before_answer = lambda: assert_true(hangs.wait(30))
    change(engine, job_id, **columns)
    document = state(client, job_id)
    assert (document["state"], document["task"], document["task_percent"]) == ("OK", task, percent)
    assert jobs.read(engine, job_id).record.last is None
    hangs.set()


@pytest.mark.parametrize("final", [True, False])
def test_an_error_is_shown_and_failed_is_not_before_the_end_of_the_run_is_known(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int, final: bool
) -> None:
    hangs = threading.Event()
    airflow.before_answer, airflow.answer = lambda: assert_true(hangs.wait(30)), FAILED_RUN
    change(engine, job_id, stage="open_tar", percent=5.0, error={**NO_TAR, "final": final})
    document = state(client, job_id)
    assert (document["state"], document["complete"]) == ("OK", False)
    assert (document["task"], document["task_percent"], document["exception"]) == ("open tar", "5.0", "no_tar: why")
    hangs.set()
    if final:
        assert wait_for_state(client, job_id, lambda state: bool(state["complete"]))["state"] == "FAILED"


def test_a_job_that_is_known_to_have_failed_is_failed_in_a_process_that_has_not_heard_of_its_run(
    app: Flask, client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.answer = FAILED_RUN
    change(engine, job_id, stage="open_tar", error={**NO_TAR, "final": True})
    failed = wait_for_state(client, job_id, lambda state: bool(state["complete"]))
    hangs = threading.Event()
    airflow.before_answer = lambda: assert_true(hangs.wait(30))
    app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], runs=RecentRuns(airflow))
    assert state(client, job_id) == failed
    hangs.set()


def test_the_end_of_a_run_is_kept_though_its_client_polls_no_more(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.answer = FAILED_RUN
    change(engine, job_id, stage="open_tar", error={**NO_TAR, "final": True})
    state(client, job_id)
    wait_until(lambda: jobs.read(engine, job_id).record.last is not None, 30, lambda: "the end is not kept")
    assert state(client, job_id)["state"] == "FAILED"


def test_a_failed_job_that_is_retried_is_not_failed_in_a_process_that_knows_the_old_run(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.answer = Run("success", ())
    assert wait_for_state(client, job_id, lambda state: bool(state["complete"]))["state"] == "FAILED"
    jobs.lift_override(engine, job_id)
    jobs.count_run_change(engine, job_id)
    hangs = threading.Event()
    airflow.before_answer, airflow.answer = lambda: assert_true(hangs.wait(30)), Run("queued", ())
    change(engine, job_id, updated=func.now() - timedelta(minutes=1))
    assert {state(client, job_id)["state"] for _ in range(20)} == {"OK"}
    hangs.set()


def assert_true(holds: bool) -> None:
    assert holds


def test_airflow_is_not_asked_for_a_job_that_has_just_gone_on(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A commit can take as long as the real one on a busy disk.
    monkeypatch.setattr(inferred_run, "LEDGER_TRUST_SECONDS", 60.0)
    change(engine, job_id, stage="load_metadata", percent=41.26, holder="a process", updated=func.now())
    document = state(client, job_id)
    assert (document["state"], document["task"], document["task_percent"]) == ("OK", "load metadata", "41.3")
    assert airflow.asked == []


def test_the_state_that_was_answered_is_kept_and_answered_while_airflow_is_away(
    app: Flask, client: FlaskClient, airflow: ScriptedAirflow, job_id: int
) -> None:
    airflow.answer = RUNNING
    before = wait_for_state(client, job_id, lambda state: bool(state["task"] == "load metadata"))
    app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], runs=RecentRuns(airflow))
    airflow.answer = None
    assert wait_for_state(client, job_id, lambda state: bool(state["task"] == "load metadata")) == before


def test_airflows_absence_is_not_kept(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    assert wait_until_airflow_was_heard(client, airflow, job_id)["task"] == "UPLOADING"
    assert jobs.read(engine, job_id).record.last is None


def test_a_state_that_cannot_be_kept_is_answered(
    client: FlaskClient, airflow: ScriptedAirflow, job_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise DatabaseUnavailable("read only")

    monkeypatch.setattr(jobs, "keep_last_state", refuse)
    airflow.answer = RUNNING
    wait_for_state(client, job_id, lambda state: bool(state["task"] == "load metadata"))


def test_a_catalogued_job_is_complete_and_airflow_is_not_asked(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    change(engine, job_id, outcome=Outcome.CATALOGED)
    document = state(client, job_id)
    assert (document["task"], document["task_percent"], document["complete"]) == ("ingest metadata", "100.0", True)
    assert airflow.asked == []


def test_an_overridden_job_is_as_the_admin_said_and_airflow_is_not_asked(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    jobs.override(engine, job_id, JobState(JobStatus.FAILED, "ingest files", 0.0, "by hand", complete=True))
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
    airflow.before_answer = lambda: change(engine, job_id, outcome=Outcome.CATALOGED)
    airflow.answer = Run("success", ())
    document = wait_for_state(client, job_id, lambda state: bool(state["complete"]))
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
    for _ in range(20):
        document = wait_until_airflow_was_heard(client, airflow, job_id)
        assert (document["state"], document["complete"]) == ("OK", False)


WAITS = Run("running", (TaskInstance("open_tar", "up_for_retry", 1),))
PAUSED = "the DAG ingest is paused in Airflow; unpause it (Airflow UI, or airflow dags unpause ingest)"


@pytest.mark.parametrize("run", [Run("queued", ()), WAITS], ids=["queued", "waits for another try"])
def test_a_job_that_waits_says_that_its_dag_is_paused_and_why_else_it_waits(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int, run: Run
) -> None:
    airflow.answer, airflow.documents = run, with_dag("ingest", is_paused=True)
    change(engine, job_id, stage="open_tar", error={**NO_TAR, "final": False})
    document = wait_for_state(client, job_id, lambda state: PAUSED in state["exception"])
    assert (document["state"], document["complete"]) == ("OK", False)
    wait_for_state(
        client, job_id, lambda state: state["exception"] == (f"no_tar: why; {PAUSED}" if run is WAITS else PAUSED)
    )
    # What passes is not kept.
    last = jobs.read(engine, job_id).record.last
    assert last is not None
    assert PAUSED not in last.exception


def test_a_job_that_was_never_triggered_says_that_its_dag_is_paused(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.documents = with_dag("ingest", is_paused=True)
    change(engine, job_id, triggered=None)
    assert wait_for_state(client, job_id, lambda state: bool(state["exception"]))["exception"] == PAUSED


def test_a_job_that_waits_for_earlier_jobs_of_its_user_says_so(
    make_app: Callable[..., Flask], settings: Settings, airflow: ScriptedAirflow
) -> None:
    app = make_app(settings.model_copy(update={"user_running_jobs": 1}), airflow=airflow)
    resources: Resources = app.extensions[EXTENSION]
    first, waiting = resources.services.uniqueid.allocate("upload_job", 2)
    for job in (first, waiting):
        create_job(resources.engine, jobs.Received(job, Kind.INGEST, "penelope", f"{job}-00000000.tar", 1))
    change(resources.engine, waiting, updated=func.now() - timedelta(minutes=1))
    document = state(app.test_client(), waiting)
    assert (document["state"], document["task"], document["complete"]) == ("OK", "UPLOADING", False)
    assert document["exception"] == "waits for earlier jobs of the same user: 1 of them run at a time"
    change(resources.engine, first, outcome=Outcome.CATALOGED)
    assert state(app.test_client(), waiting)["exception"] == ""


def test_a_stage_that_runs_is_not_kept_from_it_by_a_pause(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.answer, airflow.documents = RUNNING, with_dag("ingest", is_paused=True)
    wait_for_state(client, job_id, lambda state: bool(state["task"] == "load metadata"))
    client.application.extensions[EXTENSION].obstacles.current()
    assert state(client, job_id)["exception"] == ""


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
