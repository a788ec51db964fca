"""A job whose run is changed in Airflow, as polling clients see it through both processes of the API."""

import time

from sqlalchemy import Engine

from tests.faults import held_jobs
from tests.faults.points import Points
from tools.stack import Stack
from tools.stack_contents import cataloged

# Longer than any process trusts its last answer about a run.
POLLED_ON_SECONDS = 15
PAUSE_SECONDS = 0.1
COMPLETE_SECONDS = 180


def test_job_is_not_shown_as_failed_again_after_a_retry_has_returned(stack: Stack, ledger: Engine, points: Points):
    job = held_jobs.post_and_hold(stack, points)
    stack.request_airflow("PATCH", f"/dags/ingest/dagRuns/job-{job}", {"state": "success"})
    held_jobs.release(points, job)
    assert stack.wait_for_end(job)["state"] == "FAILED"
    poll_on(stack, job)
    assert stack.command("retry", "--job-id", str(job)).returncode == 0
    begun = time.monotonic()
    # Each poll opens a connection, which either process may accept.
    while not (state := stack.state(job))["complete"]:
        assert state["state"] == "OK", f"after {time.monotonic() - begun:.1f} s: {state}"
        assert time.monotonic() - begun < COMPLETE_SECONDS, state
        time.sleep(PAUSE_SECONDS)
    assert state["state"] == "OK", f"after {time.monotonic() - begun:.1f} s: {state}"
    assert cataloged(ledger, job) is not None


def poll_on(stack: Stack, job: int) -> None:
    """Poll a failed job until both processes know its run."""
    begun = time.monotonic()
    while time.monotonic() - begun < POLLED_ON_SECONDS:
        assert stack.state(job)["state"] == "FAILED"
        time.sleep(PAUSE_SECONDS)
