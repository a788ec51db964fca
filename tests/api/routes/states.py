"""Poll the state of a job, and change its row. Used by the tests of `GET /get_state`."""

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine, update

from api.polling.recent_runs import RecentRuns
from api.resources import resources_of
from ingest.ledger.database import transaction
from ingest.ledger.models import Job
from ingest.states.airflow import Run, TaskInstance
from tests.api.routes.scripted_airflow import ScriptedAirflow
from tools.waiting import wait_until

FAILED_RUN = Run("failed", (TaskInstance("open_tar", "failed", 1),))
NO_TAR = {"stage": "open_tar", "code": "no_tar", "text": "why", "attempt": 1}
RUNNING = Run("running", (TaskInstance("open_tar", "success", 1), TaskInstance("load_metadata", "running", 1)))


def assert_true(holds: bool) -> None:
    assert holds


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


def wait_until_airflow_answered(client: FlaskClient, airflow: ScriptedAirflow, job_id: int) -> dict[str, Any]:
    """Poll until Airflow's answer is part of the state."""
    state(client, job_id)
    wait_until(lambda: bool(airflow.requested), 30, lambda: "Airflow is not queried")
    # The answer is recorded a moment later.
    runs = resources_of(client.application).get(RecentRuns)
    wait_until(lambda: all(each.requested is not None for each in runs._polled.values()), 30, lambda: "no answer")
    return state(client, job_id)
