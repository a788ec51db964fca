"""A job whose task is held in the middle of `ingest_files` until the test releases or kills it."""

import os

from ingest.local.credentials import INGEST
from tests.faults.points import Points
from tools.bundles import make_bundle
from tools.stack import Stack, ledger_of
from tools.stack_contents import next_job_id

READING = "ingest_files.reading"
CONTENTS = {f"data/held/{number}.bin": os.urandom(300_000) for number in range(4)}
# Each file is read twice, to its end and beyond it: two are sent, and the third is not read yet.
PASSES = 4


def post_and_hold(stack: Stack, points: Points) -> int:
    """Post a bundle with `CONTENTS`, and wait until its task is held; return the job id."""
    with ledger_of(stack) as ledger:
        job = next_job_id(ledger)
    points.arm(READING, job, "hold", PASSES)
    assert stack.post(make_bundle(CONTENTS)) == job
    points.wait_until_reached(READING, job)
    return job


def lose_run(stack: Stack, job: int) -> None:
    """Fail a job's run as if Airflow had lost it: an operator's mark would end the job."""
    stack.request_airflow("PATCH", f"/dags/ingest/dagRuns/job-{job}", {"state": "failed"}, user=INGEST)


def release(points: Points, job: int) -> None:
    """Let the task continue."""
    points.release(READING, job)
