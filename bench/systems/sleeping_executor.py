"""An executor whose tasks only sleep: no process is started for them, so the scheduler and the api-server reach their limit.

Loaded by Airflow's scheduler in the row `ceiling` (`[core] executor`). Everything else is real. For each task, one process
sends to the api-server what a task of this service sends: that it runs, its result, that it succeeded.
"""

import multiprocessing
import os
import queue
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import urllib3
from airflow.executors.base_executor import BaseExecutor, get_execution_api_server_url

SLEEP_SECONDS = 1.0
TIMEOUT_SECONDS = 60
Task = tuple[Any, UUID, str]


class SleepingExecutor(BaseExecutor):  # type: ignore[misc]
    """Hands its tasks to one process; see the module."""

    def start(self) -> None:
        """Start the process."""
        self._tasks: multiprocessing.Queue[Task | None] = multiprocessing.Queue()
        self._ended: multiprocessing.Queue[tuple[Any, bool]] = multiprocessing.Queue()
        arguments = (self._tasks, self._ended, get_execution_api_server_url(), self.parallelism)
        self._process = multiprocessing.Process(target=run_tasks, args=arguments, daemon=True)
        self._process.start()

    def _process_workloads(self, workload_items: Sequence[Any]) -> None:
        for workload in workload_items:
            self.queued_tasks.pop(workload.key)
            self.running.add(workload.key)
            self._tasks.put((workload.key, workload.ti.id, workload.token))

    def sync(self) -> None:
        """Report the tasks that have ended."""
        while True:
            try:
                key, has_succeeded = self._ended.get_nowait()
            except queue.Empty:
                return
            (self.success if has_succeeded else self.fail)(key)

    def end(self) -> None:
        """End the process."""
        self._tasks.put(None)
        self._process.join(TIMEOUT_SECONDS)

    def terminate(self) -> None:
        """Kill the process."""
        self._process.kill()


def run_tasks(
    tasks: "multiprocessing.Queue[Task | None]",
    ended: "multiprocessing.Queue[tuple[Any, bool]]",
    url: str,
    parallelism: int,
) -> None:
    """Run tasks in threads until the queue yields None."""
    pool = urllib3.PoolManager(maxsize=parallelism, retries=False, timeout=TIMEOUT_SECONDS)

    def run(task: Task) -> None:
        key, task_id, token = task
        ended.put((key, _run_task(pool, url, key, task_id, token)))

    with ThreadPoolExecutor(parallelism) as threads:
        while (task := tasks.get()) is not None:
            threads.submit(run, task)


def _run_task(pool: urllib3.PoolManager, url: str, key: Any, task_id: UUID, token: str) -> bool:  # noqa: ANN401 - Airflow's
    """Send what a task sends; return whether the api-server accepted all of it."""
    headers = {"Authorization": f"Bearer {token}"}
    began = {"state": "running", "hostname": "bench", "unixname": "bench", "pid": os.getpid(), "start_date": _now()}
    answer = pool.request("PATCH", f"{url}/task-instances/{task_id}/run", json=began, headers=headers)
    statuses = [answer.status]
    # Airflow may replace the token by one that is valid as long as the task runs.
    headers["Authorization"] = f"Bearer {answer.headers.get('Refreshed-API-Token', token)}"
    time.sleep(SLEEP_SECONDS)
    result = f"{url}/xcoms/{key.dag_id}/{key.run_id}/{key.task_id}/return_value"
    statuses.append(pool.request("POST", result, json="slept", headers=headers).status)
    succeeded = {"state": "success", "end_date": _now(), "task_outlets": [], "outlet_events": []}
    url = f"{url}/task-instances/{task_id}/state"
    statuses.append(pool.request("PATCH", url, json=succeeded, headers=headers).status)
    return all(status < 300 for status in statuses)  # noqa: PLR2004 - a successful answer


def _now() -> str:
    return datetime.now(UTC).isoformat()
