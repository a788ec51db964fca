"""A job on the whole stack: its notifications arrive at a real receiver, and an example DAG starts when it is cataloged."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest.ledger import webhooks
from tests.e2e.authenticated_api import authenticated_api
from tests.e2e.conftest import EXAMPLE_DAG
from tests.operations.notify.receiver import SECRET, Receiver, run_receiver
from tools.bundles import make_bundle
from tools.stack import Stack
from tools.waiting import wait_until

SECONDS = 60
JOB_TYPES = ["job.received", "job.completed"]


@pytest.fixture
def receiver(stack: Stack, ledger: Engine, tmp_path: Path) -> Iterator[Receiver]:
    """Return a receiver that an API of the stack notifies; the stack's other APIs have no webhook."""
    with run_receiver() as running:
        ini = tmp_path / "config.ini"
        ini.write_text(f"[webhook:lab]\nurl = {running.url}\nsecret = {SECRET}\nallow_private = true\n")
        with authenticated_api(stack, tmp_path, INGEST_CONFIG=str(ini)):
            wait_until(lambda: webhooks.statuses(ledger) != [], SECONDS, lambda: "the webhook is not stored")
            yield running
        webhooks.synchronize(ledger, [])


@pytest.fixture
def example(stack: Stack) -> Iterator[str]:
    """Return the path of the example DAG, which is not paused."""
    path = f"/dags/{EXAMPLE_DAG}"
    stack.request_airflow("PATCH", path, {"is_paused": False})
    yield path
    stack.request_airflow("PATCH", path, {"is_paused": True})


def reports(stack: Stack, example: str) -> list[dict[str, Any]]:
    """Return what the successful runs of the example reported."""
    runs = stack.request_airflow("GET", f"{example}/dagRuns?state=success")["dag_runs"]
    results = [
        stack.request_airflow(
            "GET", f"{example}/dagRuns/{run['dag_run_id']}/taskInstances/report/xcomEntries/return_value"
        )
        for run in runs
    ]
    return [event for result in results for event in result["value"]]


def test_cataloged_job_is_notified_and_starts_a_dag(stack: Stack, receiver: Receiver, example: str):
    job = stack.post(make_bundle())
    assert stack.wait_for_end(job)["state"] == "OK"
    wait_until(lambda: receiver.of_job(job) == JOB_TYPES, SECONDS, lambda: f"received {receiver.received}")
    expected = {"job": job, "transaction": job, "project": "1234a", "instrument": "54"}
    wait_until(lambda: expected in reports(stack, example), SECONDS, lambda: f"{reports(stack, example)}")
