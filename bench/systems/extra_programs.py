"""Processes that run instead of some programs of a stack: schedulers, and Celery workers on hosts of limited speed.

Called by the rows `ceiling` and `worker_hosts`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import psutil

from ingest.local import program
from tools.stack import START_SECONDS, STOP_SECONDS, Stack
from tools.stack_programs import Programs
from tools.waiting import wait_until

AIRFLOW = (sys.executable, "-m", "airflow")
SCHEDULER = (*AIRFLOW, "scheduler", "--skip-serve-logs")
WORKER = (*AIRFLOW, "celery", "worker", "--skip-serve-logs", "--celery-hostname")
SLEEPING = "bench.systems.sleeping_executor.SleepingExecutor"


@contextmanager
def sleeping_schedulers(stack: Stack, count: int) -> Iterator[list[int]]:
    """Run schedulers whose tasks only sleep instead of the stack's; return their process IDs."""
    programs = Programs(stack)
    programs.stop(program.SCHEDULER)
    with ExitStack() as running:
        running.callback(programs.start, program.SCHEDULER)
        variables = {"AIRFLOW__CORE__EXECUTOR": SLEEPING}
        started = [running.enter_context(_process(stack, SCHEDULER, variables)) for _ in range(count)]
        wait_until(lambda: _running_schedulers(stack) == count, START_SECONDS, lambda: "no scheduler runs")
        yield started


@contextmanager
def workers(stack: Stack, names: Sequence[str]) -> Iterator[list[int]]:
    """Run Celery workers with these names instead of the stack's; return their process IDs."""
    programs = Programs(stack)
    for name in program.WORKERS:
        programs.stop(name)
    with ExitStack() as running:
        started = [running.enter_context(_process(stack, (*WORKER, f"{name}@localhost"))) for name in names]
        concurrency = int(stack.environment["AIRFLOW__CELERY__WORKER_CONCURRENCY"])

        def ready() -> bool:
            return all(len(psutil.Process(each).children()) >= concurrency for each in started)

        wait_until(ready, START_SECONDS, lambda: "not every worker has started its processes")
        yield started


def _running_schedulers(stack: Stack) -> int:
    found = stack.request_airflow("GET", "/jobs?job_type=SchedulerJob&job_state=running&is_alive=true")
    return int(found["total_entries"])


@contextmanager
def _process(stack: Stack, command: Sequence[str], variables: Mapping[str, str] | None = None) -> Iterator[int]:
    environment = {**os.environ, **stack.environment, **(variables or {})}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
