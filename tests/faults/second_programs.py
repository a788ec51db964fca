"""Second processes of a stack's programs, as on a second host or during a rolling upgrade."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.stack import START_SECONDS, STOP_SECONDS, Stack, answers
from tools.waiting import wait_until

API = str(Path(sys.executable).with_name("pacifica-ingest"))
AIRFLOW = (sys.executable, "-m", "airflow")
SCHEDULER = (*AIRFLOW, "scheduler", "--skip-serve-logs")
DAG_PROCESSOR = (*AIRFLOW, "dag-processor")
API_SERVER = (*AIRFLOW, "api-server", "--workers", "1", "--host", "127.0.0.1", "--port")


@contextmanager
def second(stack: Stack, *command: str, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a second process of one of the stack's programs, with some variables of its own."""
    environment = {**os.environ, **stack.environment, **variables}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def wait_for_answer(url: str) -> None:
    """Wait until a server answers."""
    wait_until(lambda: answers(url), START_SECONDS, lambda: f"{url} does not answer")


def wait_for_two(stack: Stack, job_type: str) -> None:
    """Wait until Airflow knows two running processes of a type, such as SchedulerJob."""
    path = f"/jobs?job_type={job_type}&job_state=running"
    wait_until(
        lambda: int(stack.request_airflow("GET", path)["total_entries"]) == 2,
        START_SECONDS,
        lambda: f"there is no second {job_type}",
    )
