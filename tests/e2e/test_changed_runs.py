"""Runs that are changed in Airflow: tasks are deleted, a run id is in use, an operator marks a run.

Every answered job completes or names the operator who ended it; `retry` takes effect or reports the reason.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.failure_marks import runs_marked_lately
from ingest.settings.loading import load_settings
from ingest.states.job_state import LOST_TEXT, MARKED_TEXT, MISSING_TEXT
from tests.archive_outage import ArchiveOutage
from tests.e2e.test_retries import FEW, assert_complete_once, fail_at_ingest_files, task_path
from tests.faults import held_jobs
from tests.faults.points import Points
from tools.bundles import make_bundle, make_tar
from tools.stack import JOB_SECONDS, Stack
from tools.stack_contents import events, next_job_id
from tools.waiting import wait_until

REPAIR_SECONDS = 240
SIMULTANEOUS_RETRIES = 4


def run_path(job: int) -> str:
    return f"/dags/ingest/dagRuns/job-{job}"


def wait_until_shown(stack: Stack, job: int, text: str) -> None:
    """Wait until the job shows a text, then run housekeeping, unless its scheduled run was faster."""
    shown = stack.wait(job, lambda state: text in state["exception"] or state["complete"])
    if not shown["complete"]:
        assert (shown["state"], shown["exception"]) == ("OK", text)
        stack.run_housekeeping()


def clean_task_instances(stack: Stack) -> None:
    """Remove the tasks of all runs, as an operator does whose database has grown."""
    now = datetime.now(UTC).isoformat()
    program = str(Path(sys.executable).with_name("airflow"))
    arguments = ["db", "clean", "--tables", "task_instance", "--clean-before-timestamp", now, "--skip-archive", "--yes"]
    environment = {**os.environ, **stack.environment}
    subprocess.run([program, *arguments], env=environment, timeout=120, check=True, capture_output=True)


def test_job_whose_last_task_was_deleted_while_an_earlier_one_ran_completes(
    stack: Stack, ledger: Engine, points: Points
):
    job = held_jobs.post_and_hold(stack, points)
    stack.request_airflow("DELETE", task_path(job, "ingest_metadata"))
    assert stack.state(job)["task"] == "ingest files"
    held_jobs.release(points, job)
    wait_until_shown(stack, job, MISSING_TEXT)
    state = stack.wait_for_end(job, REPAIR_SECONDS)
    assert_complete_once(stack, ledger, job, held_jobs.CONTENTS, state)
    assert "run_deleted" in events(ledger, job)


def test_job_whose_running_task_was_deleted_completes(stack: Stack, ledger: Engine, points: Points):
    job = held_jobs.post_and_hold(stack, points)
    stack.request_airflow("DELETE", task_path(job, "ingest_files"))
    wait_until_shown(stack, job, MISSING_TEXT)
    state = stack.wait_for_end(job, REPAIR_SECONDS)
    assert_complete_once(stack, ledger, job, held_jobs.CONTENTS, state)
    assert "run_deleted" in events(ledger, job)
    held_jobs.release(points, job)


def test_jobs_whose_tasks_airflow_db_clean_removed_complete_or_can_be_retried(
    stack: Stack, ledger: Engine, points: Points, archive_outage: ArchiveOutage
):
    failed = fail_at_ingest_files(stack, archive_outage)
    rejected = stack.post(make_tar(FEW))
    refusal = stack.wait_for_end(rejected)
    running = held_jobs.post_and_hold(stack, points)
    clean_task_instances(stack)
    wait_until_shown(stack, running, MISSING_TEXT)
    state = stack.wait_for_end(running, REPAIR_SECONDS)
    assert_complete_once(stack, ledger, running, held_jobs.CONTENTS, state)
    held_jobs.release(points, running)

    assert stack.state(failed)["state"] == "FAILED"
    assert stack.command("retry", "--job-id", str(failed)).returncode == 0
    state = stack.wait(failed, lambda state: state["complete"] and state["state"] == "OK")
    assert_complete_once(stack, ledger, failed, FEW, state)

    assert stack.state(rejected)["exception"] == refusal["exception"]
    assert "run_deleted" not in events(ledger, rejected)
    assert stack.command("retry", "--job-id", str(rejected)).returncode == 0
    wait_until(
        lambda: events(ledger, rejected)[-1] == "stage_failed", JOB_SECONDS, lambda: str(events(ledger, rejected))
    )
    assert events(ledger, rejected).count("stage_failed") == 2
    assert stack.wait_for_end(rejected)["exception"] == refusal["exception"]


def test_retries_at_the_same_time_succeed_or_find_the_job_complete(
    stack: Stack, ledger: Engine, archive_outage: ArchiveOutage
):
    job = fail_at_ingest_files(stack, archive_outage)
    program = str(Path(sys.executable).with_name("pacifica-ingest-cmd"))
    retries = [
        subprocess.Popen(
            [program, "retry", "--job-id", str(job)],
            env={**os.environ, **stack.environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(SIMULTANEOUS_RETRIES)
    ]
    errors = [retry.communicate(timeout=120)[1] for retry in retries]
    # A late retry may find that the job is already complete.
    refused = [text for retry, text in zip(retries, errors, strict=True) if retry.returncode != 0]
    assert all("is cataloged; its state cannot be changed any more" in text for text in refused), errors
    assert len(refused) < SIMULTANEOUS_RETRIES
    state = stack.wait(job, lambda state: state["complete"] and state["state"] == "OK")
    assert_complete_once(stack, ledger, job, FEW, state)


@pytest.mark.parametrize("conf", [{}, {"job_id": 1}])
def test_job_whose_run_id_another_run_has_taken_completes(stack: Stack, ledger: Engine, conf: dict[str, int]):
    job = next_job_id(ledger)
    stack.request_airflow(
        "POST", "/dags/ingest/dagRuns", {"dag_run_id": f"job-{job}", "logical_date": None, "conf": conf}
    )
    assert stack.post(make_bundle(FEW)) == job
    assert_complete_once(stack, ledger, job, FEW, stack.wait_for_end(job))
    assert stack.request_airflow("GET", run_path(job))["conf"]["job_id"] == job
    assert "run_deleted" in events(ledger, job)
    assert "it was not a run of this job: triggered by admin" in stack.command("show", "--job-id", str(job)).stdout


def mark_run(stack: Stack, job: int) -> None:
    stack.request_airflow("PATCH", run_path(job), {"state": "failed"})


def mark_task(stack: Stack, job: int) -> None:
    stack.request_airflow("PATCH", task_path(job, "ingest_files"), {"new_state": "failed"})


def mark_several_runs(stack: Stack, job: int) -> None:
    entities = [{"dag_run_id": f"job-{job}", "state": "failed"}]
    stack.request_airflow("PATCH", "/dags/ingest/dagRuns", {"actions": [{"action": "update", "entities": entities}]})


@pytest.mark.parametrize("mark", [mark_run, mark_task, mark_several_runs])
def test_job_that_an_operator_marked_as_failed_stays_failed_until_it_is_retried(
    stack: Stack, ledger: Engine, points: Points, mark: Callable[[Stack, int], None]
):
    job = held_jobs.post_and_hold(stack, points)
    mark(stack, job)
    assert f"job-{job}" in runs_marked_lately(AirflowApi(load_settings(stack.environment)))
    wait_until_shown(stack, job, LOST_TEXT)
    ended = stack.wait_for_end(job)
    held_jobs.release(points, job)
    assert (ended["state"], ended["exception"]) == ("FAILED", f"run_marked_failed: {MARKED_TEXT}")
    assert stack.request_airflow("GET", run_path(job))["state"] == "failed"
    shown = stack.command("show", "--job-id", str(job)).stdout
    assert "(marked by admin)" in shown
    assert "cleared" not in events(ledger, job)
    assert stack.command("retry", "--job-id", str(job)).returncode == 0
    state = stack.wait(job, lambda state: state["complete"] and state["state"] == "OK", REPAIR_SECONDS)
    assert_complete_once(stack, ledger, job, held_jobs.CONTENTS, state)
