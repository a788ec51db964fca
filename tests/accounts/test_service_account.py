"""The account of this service in FAB: every call of `ingest.orchestrator`, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests
from sqlalchemy import Engine

from ingest.ledger.jobs import Received
from ingest.orchestrator import failure_marks, obstacles, run_history
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import Settings
from ingest.states.stages import STAGES, Kind
from tests.accounts.airflow_server import SERVICE, SERVICE_PASSWORD, AirflowServer
from tests.accounts.test_proxy import proxied
from tests.job_creation import create_job
from tools.stack import TIMEOUT_SECONDS

DAG = Kind.INGEST.value
NEW_ACCOUNT = dict.fromkeys(("username", "password", "email", "first_name", "last_name"), "mallory")


@pytest.fixture
def airflow(behind_proxy: AirflowServer) -> AirflowApi:
    return AirflowApi(
        Settings(airflow_url=behind_proxy.url, airflow_username=SERVICE, airflow_password=SERVICE_PASSWORD)
    )


@pytest.fixture
def run_id(airflow: AirflowApi) -> Iterator[str]:
    """Return the id of a run of a job."""
    assert airflow.trigger(DAG, "job-71", {"job_id": 71}, datetime.now(UTC))
    yield "job-71"
    airflow.fail(DAG, "job-71")
    airflow.delete(DAG, "job-71")


def test_runs_are_read_changed_and_deleted(airflow: AirflowApi, run_id: str):
    assert not airflow.trigger(DAG, run_id, {"job_id": 71}, datetime.now(UTC))
    assert airflow.foreign_run(DAG, run_id) == ""
    run = airflow.run(DAG, run_id)
    assert [task.task_id for task in run.tasks] == list(STAGES[Kind.INGEST])
    airflow.set_note(DAG, run_id, "a note")
    assert airflow.note(DAG, run_id) == "a note"
    airflow.fail(DAG, run_id)
    assert airflow.run(DAG, run_id).state == "failed"
    assert airflow.clear(DAG, run_id, list(STAGES[Kind.INGEST])) == set(STAGES[Kind.INGEST])
    airflow.fail(DAG, run_id)
    assert run_history.runs_ended_before(airflow, DAG, datetime.now(UTC)) == [run_id]
    airflow.delete(DAG, run_id)
    assert airflow.run(DAG, run_id).state is None


def test_missing_pool_is_reported_and_restored(airflow: AirflowApi):
    assert obstacles.find_obstacles(airflow).pools
    assert obstacles.restore_pool(airflow, 4)
    assert not obstacles.restore_pool(airflow, 4)
    assert not obstacles.find_obstacles(airflow).pools


def test_operator_who_marks_a_run_as_failed_is_known(behind_proxy: AirflowServer, airflow: AirflowApi, run_id: str):
    olga = proxied(behind_proxy, "olga", "operators")
    olga.log_in_by_proxy()
    answer = olga.request("PATCH", f"/api/v2/dags/{DAG}/dagRuns/{run_id}", json={"state": "failed"})
    assert answer.status_code == 200, answer.text
    assert failure_marks.runs_marked_lately(airflow) == {run_id}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/v2/dags/ingest", {"is_paused": True}),
        ("PATCH", "/api/v2/dags", {"is_paused": True}),
        ("DELETE", "/api/v2/dags/ingest", None),
        ("PATCH", "/api/v2/pools/default_pool", {"slots": 1}),
        ("DELETE", "/api/v2/pools/archive", None),
        ("GET", "/api/v2/connections", None),
        ("GET", "/api/v2/variables", None),
        ("GET", "/api/v2/config", None),
        ("POST", "/api/v2/connections", {"connection_id": "c", "conn_type": "http"}),
        ("GET", "/auth/fab/v1/users", None),
        ("POST", "/auth/fab/v1/users", NEW_ACCOUNT),
        ("PATCH", "/auth/fab/v1/roles/Public", {"name": "Public"}),
    ],
)  # fmt: skip
def test_everything_else_is_refused(behind_proxy: AirflowServer, method: str, path: str, body: dict[str, object]):
    answer = behind_proxy.token(SERVICE, SERVICE_PASSWORD)
    assert answer.status_code == 201
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    refused = requests.request(method, behind_proxy.url + path, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
    assert refused.status_code == 403, refused.text


def test_wrong_password_is_refused(behind_proxy: AirflowServer):
    assert behind_proxy.token(SERVICE, SERVICE_PASSWORD[:-1]).status_code == 401


@pytest.mark.parametrize(("user", "groups", "status"), [("vera", "viewers", 403), ("olga", "operators", 200)])
def test_page_retries_a_job_for_an_operator_and_not_for_a_viewer(
    behind_proxy: AirflowServer, airflow: AirflowApi, database_engine: Engine, user: str, groups: str, status: int
):
    job_id = 7100 + status
    create_job(database_engine, Received(job_id, Kind.INGEST, "ursula", f"{job_id}.tar", 1))
    browser = proxied(behind_proxy, user, groups)
    browser.log_in_by_proxy()
    page = browser.get("/ingest-view/jobs/confirm?action=retry").text
    token = page.partition('name="csrf_token" value="')[2][:64]
    answer = browser.request("POST", "/ingest-view/jobs/retry", data={"csrf_token": token, "job": job_id})
    assert answer.status_code == status, answer.text
    assert (airflow.run(DAG, f"job-{job_id}").state is not None) == (status == 200)
