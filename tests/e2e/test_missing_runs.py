"""Jobs whose run Airflow never received or lost: the answer 200 guarantees that they run."""

import os
import subprocess
import sys
from pathlib import Path

import requests
from sqlalchemy import Engine

from tests.faults import held_jobs
from tests.faults.points import Points
from tools.bundles import make_bundle
from tools.stack import Stack, answers, free_port
from tools.stack_contents import cataloged, events, file_ids
from tools.waiting import wait_until

NOWHERE = "http://127.0.0.1:9"
HOUSEKEEPING_SECONDS = 180


def test_upload_that_was_answered_while_airflow_was_unavailable_runs_later(stack: Stack, ledger: Engine):
    port = free_port()
    api = subprocess.Popen(
        [str(Path(sys.executable).with_name("pacifica-ingest")), "-a", "127.0.0.1", "-p", str(port)],
        env={**os.environ, **stack.environment, "INGEST_AIRFLOW_URL": NOWHERE},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/"), 30, lambda: "the API does not answer")
        answer = requests.post(f"http://127.0.0.1:{port}/ingest", data=make_bundle(), timeout=30).json()
    finally:
        api.terminate()
        api.wait(30)
    assert (answer["state"], answer["task"]) == ("OK", "UPLOADING")
    stack.run_housekeeping()
    state = stack.wait_for_end(answer["job_id"], HOUSEKEEPING_SECONDS)
    assert state["state"] == "OK"
    assert cataloged(ledger, answer["job_id"]) is not None


def test_run_that_failed_without_the_jobs_fault_is_cleared_by_housekeeping(
    stack: Stack, ledger: Engine, points: Points
):
    job = held_jobs.post_and_hold(stack, points)
    before = file_ids(ledger, job)
    held_jobs.lose_run(stack, job)
    held_jobs.release(points, job)
    waiting = stack.state(job)
    assert (waiting["state"], waiting["complete"]) == ("OK", False)
    stack.run_housekeeping()
    assert stack.wait_for_end(job, HOUSEKEEPING_SECONDS)["state"] == "OK"
    assert file_ids(ledger, job) == before
    entries = cataloged(ledger, job)
    assert entries is not None
    assert len(entries) == len(held_jobs.CONTENTS)
    assert "cleared" in events(ledger, job)
