"""DAGs in Airflow: without import errors, wired and documented; the plugin loader does not import the package."""

import os
import subprocess
import sys
from http import HTTPStatus

import pytest

from ingest.states.stages import STAGES, Kind
from tests.e2e.conftest import EXAMPLE_DAG
from tools.bundles import make_bundle
from tools.stack import Stack
from tools.waiting import wait_until

PLUGINS_PROGRAM = """
import sys
from airflow import plugins_manager
plugins_manager.ensure_plugins_loaded() if hasattr(plugins_manager, "ensure_plugins_loaded") else None
from airflow.plugins_manager import get_import_errors
print(sorted(set(sys.modules) & {"errors", "states", "settings", "models", "ledger", "jobs", "cli", "bundle"}))
print(get_import_errors())
"""


def test_dags_have_no_import_errors(stack: Stack):
    assert stack.request_airflow("GET", "/importErrors")["import_errors"] == []
    dags = {dag["dag_id"]: dag for dag in stack.request_airflow("GET", "/dags")["dags"]}
    assert set(dags) == {"ingest", "move", "housekeeping", "retention", "reconcile", EXAMPLE_DAG}
    assert {dag_id for dag_id, dag in dags.items() if dag["is_paused"]} == {EXAMPLE_DAG}


@pytest.mark.parametrize("kind", list(Kind))
def test_dag_runs_the_stages_in_order(stack: Stack, kind: Kind):
    tasks = {task["task_id"]: task for task in stack.request_airflow("GET", f"/dags/{kind}/tasks")["tasks"]}
    stages = STAGES[kind]
    assert set(tasks) == set(stages)
    for stage, following in zip(stages, [*stages[1:], None], strict=True):
        assert tasks[stage]["downstream_task_ids"] == ([following] if following else [])


@pytest.mark.parametrize("kind", list(Kind))
def test_every_task_is_documented_and_retried_by_cause(stack: Stack, kind: Kind):
    for task in stack.request_airflow("GET", f"/dags/{kind}/tasks")["tasks"]:
        assert "**Fails here**" in task["doc_md"]
        assert "**An admin**" in task["doc_md"]
        assert task["retries"] == 1
        assert task["owner"] == "pacifica-ingest"
    details = stack.request_airflow("GET", f"/dags/{kind}/details")
    assert "One run is one job" in details["doc_md"]
    assert {tag["name"] for tag in details["tags"]} == {"pacifica", kind}


def test_archive_stages_share_the_pool(stack: Stack):
    pool = stack.request_airflow("GET", "/pools/archive")
    assert pool["slots"] == 4
    pools = {
        task["task_id"]: task["pool"]
        for dag in (*Kind, "reconcile")
        for task in stack.request_airflow("GET", f"/dags/{dag}/tasks")["tasks"]
    }
    assert {name for name, pool in pools.items() if pool == "archive"} == {"ingest_files", "move_files", "compare"}


def test_plugin_loader_does_not_import_the_package(stack: Stack):
    answer = subprocess.run(
        [sys.executable, "-c", PLUGINS_PROGRAM],
        env={**os.environ, **stack.environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert answer.stdout.splitlines()[-2:] == ["[]", "{}"]


def test_manually_triggered_run_without_a_job_fails_without_a_retry(stack: Stack):
    run = stack.request_airflow("POST", "/dags/ingest/dagRuns", {"logical_date": None, "conf": {}})
    path = f"/dags/ingest/dagRuns/{run['dag_run_id']}"
    wait_until(lambda: stack.request_airflow("GET", path)["state"] == "failed", 60, lambda: "the run does not fail")
    assert stack.request_airflow("GET", f"{path}/taskInstances/open_tar")["try_number"] == 1


def refused(stack: Stack, method: str, path: str, body: object = None) -> bool:
    """Return whether Airflow forbids a call by the API's account."""
    return stack.call_airflow(method, path, body, user="ingest").status_code == HTTPStatus.FORBIDDEN


def test_account_of_the_api_can_change_runs_and_no_dag(stack: Stack):
    assert refused(stack, "PATCH", "/dags/ingest", {"is_paused": True})
    assert refused(stack, "PATCH", "/dags?dag_id_pattern=ingest", {"is_paused": True})
    assert refused(stack, "DELETE", "/dags/retention")
    assert refused(stack, "PATCH", "/pools/archive", {"slots": 1})
    assert refused(stack, "DELETE", "/pools/archive")
    assert refused(stack, "GET", "/connections")
    job = stack.post(make_bundle())
    assert stack.wait_for_end(job)["state"] == "OK"
    stack.request_airflow("PATCH", f"/dags/ingest/dagRuns/job-{job}", {"state": "failed"}, user="ingest")
    stack.request_airflow("DELETE", f"/dags/ingest/dagRuns/job-{job}", user="ingest")
    paused = [dag["dag_id"] for dag in stack.request_airflow("GET", "/dags")["dags"] if dag["is_paused"]]
    assert paused == [EXAMPLE_DAG]
