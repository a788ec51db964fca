"""The weekly comparison in Airflow and the command fail while a file is lost, and succeed after it is restored."""

import time
from pathlib import Path

from sqlalchemy import Engine

from tools.bundles import make_bundle
from tools.stack import Stack
from tools.stack_contents import file_ids
from tools.waiting import wait_until

RUN_SECONDS = 120


def run_of_reconcile(stack: Stack) -> str:
    """Run the DAG as an operator does in the UI; return how it ended."""
    body = {"dag_run_id": f"test-{time.time_ns()}", "logical_date": None}
    path = f"/dags/reconcile/dagRuns/{stack.request_airflow('POST', '/dags/reconcile/dagRuns', body)['dag_run_id']}"
    state = ""

    def ended() -> bool:
        nonlocal state
        state = stack.request_airflow("GET", path)["state"]
        return state in {"success", "failed"}

    wait_until(ended, RUN_SECONDS, lambda: f"the run stays {state}")
    return state


def test_lost_file_fails_the_weekly_run_until_it_is_restored(stack: Stack, ledger: Engine):
    job = stack.post(make_bundle())
    assert stack.wait_for_end(job)["state"] == "OK"
    assert run_of_reconcile(stack) == "success"
    lost = stored(stack, file_ids(ledger, job)[0])
    aside = lost.rename(stack.home / "lost")
    assert run_of_reconcile(stack) == "failed"
    answer = stack.command("reconcile", "--job-id", str(job))
    assert answer.returncode == 3
    assert answer.stdout.startswith(f"lost: job {job}, file {lost.name}, path 'a/b/one.txt'")
    aside.rename(lost)
    assert stack.command("reconcile", "--job-id", str(job), "--rehash", "full").returncode == 0
    assert run_of_reconcile(stack) == "success"


def stored(stack: Stack, file_id: int | None) -> Path:
    [path] = (stack.home / "archive").rglob(str(file_id))
    return path
