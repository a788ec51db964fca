"""The limit of our latency: a DAG of five no-op tasks on the same Airflow, triggered through its REST API.

A run ends when its last task ends, by the time that Airflow records. Airflow is polled only four times a second: polling
it as often as a client polls this service would slow it down.
"""

import time
import uuid
from collections.abc import Sequence
from datetime import datetime

import requests

from tools.stack import Stack

TIMEOUT_SECONDS = 30
POLL_SECONDS = 0.25
RUNS = "/api/v2/dags/noop/dagRuns"


class NoopDag:
    """The DAG `noop` of a stack."""

    def __init__(self, stack: Stack) -> None:
        self._url = stack.airflow
        self._session = requests.Session()
        self._session.trust_env = False
        body = {"username": "admin", "password": stack.password("admin")}
        answer = self._session.post(f"{self._url}/auth/token", json=body, timeout=TIMEOUT_SECONDS)
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def seconds(self, runs: int, timeout: float) -> float:
        """Trigger a number of runs; return the seconds until the last has ended. Raises TimeoutError, RuntimeError."""
        begun = time.time()
        names = [self._trigger() for _ in range(runs)]
        return max(self._wait(name, begun + timeout) for name in names) - begun

    def _trigger(self) -> str:
        name = uuid.uuid4().hex
        body = {"dag_run_id": name, "logical_date": None}
        self._session.post(self._url + RUNS, json=body, timeout=TIMEOUT_SECONDS).raise_for_status()
        return name

    def _wait(self, name: str, end: float) -> float:
        while time.time() < end:
            answer = self._session.get(f"{self._url}{RUNS}/{name}/taskInstances", timeout=TIMEOUT_SECONDS)
            answer.raise_for_status()
            ended = _end_of(answer.json()["task_instances"])
            if ended is not None:
                return ended
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"the run {name} of the DAG noop did not end in time")


def _end_of(tasks: Sequence[dict[str, str]]) -> float | None:
    """Return the time at which the last task ended; None if a task has not ended."""
    if any(task["state"] == "failed" for task in tasks):
        raise RuntimeError(f"a no-op task failed: {tasks}")
    if not tasks or any(task["state"] != "success" for task in tasks):
        return None
    return max(datetime.fromisoformat(task["end_date"]).timestamp() for task in tasks)
