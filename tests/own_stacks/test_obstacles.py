"""Obstacles in Airflow (paused, broken or missing DAGs, a missing pool) are reported, and jobs continue after them.

They run on a stack of their own, because its DAGs are paused, broken and removed.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tools.bundles import make_bundle
from tools.stack import TIMEOUT_SECONDS, Stack, State, launch, start_stack, starting, stop_stack
from tools.waiting import wait_until

DAGS = Path(__file__).parents[2] / "dags"
# Airflow reads DAG files again after seconds, not minutes.
SETTINGS = {
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "2",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "INGEST_ARCHIVE_SLOTS": "3",
}
# Airflow must have noticed the change, and both processes of the API must have read it.
SEEN_SECONDS = 120
BROKEN = "the DAG ingest has an import error"
MISSING = "the DAG ingest is missing in Airflow"
NO_POOL = "the pool archive is missing in Airflow"


@dataclass
class OwnStack:
    """A stack with its process, and the folder of its DAGs."""

    stack: Stack
    process: subprocess.Popen[str]
    dags: Path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    folder = tmp_path_factory.mktemp("own")
    dags = folder / "dags"
    shutil.copytree(DAGS, dags, ignore=shutil.ignore_patterns("__pycache__"))
    process, stack = start_stack(folder / "home", {**SETTINGS, "AIRFLOW__CORE__DAGS_FOLDER": str(dags)})
    own = OwnStack(stack, process, dags)
    try:
        yield own
    finally:
        stop_stack(own.process)


@pytest.fixture
def stack(own: OwnStack) -> Stack:
    return own.stack


def paused_text(dag: str) -> str:
    return f"the DAG {dag} is paused in Airflow; unpause it (Airflow UI, or airflow dags unpause {dag})"


def set_paused(stack: Stack, dag: str, *, paused: bool) -> None:
    stack.request_airflow("PATCH", f"/dags/{dag}", {"is_paused": paused})


@contextmanager
def paused(stack: Stack, *dags: str) -> Iterator[None]:
    for dag in dags:
        set_paused(stack, dag, paused=True)
    try:
        yield
    finally:
        for dag in dags:
            set_paused(stack, dag, paused=False)


def readiness(stack: Stack) -> State:
    answer = requests.get(f"{stack.api}/readyz", timeout=TIMEOUT_SECONDS)
    # An obstacle in Airflow does not stop uploads.
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["airflow"])


def wait_for_readiness(stack: Stack, holds: Callable[[State], bool]) -> None:
    wait_until(lambda: holds(readiness(stack)), SEEN_SECONDS, lambda: str(readiness(stack)))


def wait_for_obstacle(stack: Stack, job: int, text: str) -> State:
    """Wait until the unfinished job and `/readyz` name an obstacle; check that `show` and `retry` name it."""
    state = stack.wait(job, lambda state: text in state["exception"], SEEN_SECONDS)
    assert (state["state"], state["complete"]) == ("OK", False)
    wait_for_readiness(stack, lambda airflow: text in airflow["message"] and not airflow["ready"])
    shown = stack.command("show", "--job-id", str(job))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert text in shown.stdout
    retried = stack.command("retry", "--job-id", str(job))
    assert retried.returncode == 1
    assert text in retried.stderr
    return stack.state(job)


def assert_runs_on(stack: Stack, *jobs: int) -> None:
    for job in jobs:
        state = stack.wait_for_end(job, 180)
        assert (state["state"], state["exception"]) == ("OK", "")
    wait_for_readiness(stack, lambda airflow: bool(airflow["ready"]))


def test_job_whose_dag_was_paused_reports_it_until_it_is_unpaused(stack: Stack):
    with paused(stack, "ingest"):
        job = stack.post(make_bundle())
        state = wait_for_obstacle(stack, job, paused_text("ingest"))
        assert state["task"] == "UPLOADING"
    assert_runs_on(stack, job)


def test_job_whose_pool_was_deleted_reports_it_until_housekeeping_has_restored_it(stack: Stack):
    # Otherwise housekeeping might restore it before the test sees it missing.
    with paused(stack, "housekeeping"):
        stack.request_airflow("DELETE", "/pools/archive")
        job = stack.post(make_bundle())
        state = wait_for_obstacle(stack, job, NO_POOL)
        assert (state["task"], state["task_percent"]) == ("Policy Validation", "100.0")
        assert paused_text("housekeeping") in readiness(stack)["message"]
    stack.run_housekeeping()
    assert_runs_on(stack, job)
    assert stack.request_airflow("GET", "/pools/archive")["slots"] == 3


def test_job_whose_dag_has_an_import_error_reports_it_until_it_is_repaired(stack: Stack, own: OwnStack):
    file = own.dags / "ingest_dag.py"
    good = file.read_text()
    file.write_text(f"import a_package_that_is_not_installed\n{good}")
    try:
        wait_for_readiness(stack, lambda airflow: BROKEN in airflow["message"])
        job = stack.post(make_bundle())
        wait_for_obstacle(stack, job, BROKEN)
    finally:
        file.write_text(good)
    wait_for_readiness(stack, lambda airflow: bool(airflow["ready"]))
    stack.run_housekeeping()
    assert_runs_on(stack, job)


def test_job_whose_dag_is_missing_reports_it_until_it_is_restored(stack: Stack, own: OwnStack):
    file = own.dags / "ingest_dag.py"
    good = file.read_text()
    # A DAG that was broken before keeps its mark when its file is deleted.
    file.write_text(f"import a_package_that_is_not_installed\n{good}")
    try:
        wait_for_readiness(stack, lambda airflow: BROKEN in airflow["message"])
        file.unlink()
        job = stack.post(make_bundle())
        wait_for_obstacle(stack, job, MISSING)
    finally:
        file.write_text(good)
    wait_for_readiness(stack, lambda airflow: bool(airflow["ready"]))
    stack.run_housekeeping()
    assert_runs_on(stack, job)


def test_launch_names_the_obstacles_and_starts_anyway(own: OwnStack):
    for dag in ("ingest", "housekeeping"):
        set_paused(own.stack, dag, paused=True)
    stop_stack(own.process)
    with starting():
        settings = {**SETTINGS, "AIRFLOW__CORE__DAGS_FOLDER": str(own.dags)}
        own.process, own.stack = launch(own.stack.home, settings)
    try:
        printed = []
        assert own.process.stdout
        for line in own.process.stdout:
            printed.append(line.strip())
            if paused_text("housekeeping") in line:
                break
        assert f"Attention: {paused_text('ingest')}" in printed
    finally:
        for dag in ("ingest", "housekeeping"):
            set_paused(own.stack, dag, paused=False)
    assert_runs_on(own.stack, own.stack.post(make_bundle()))
