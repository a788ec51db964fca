"""The CPU time of all processes of a stack, also of those that have ended. Called by `rows.tiny` and `rows.tiny_at_once`."""

from collections.abc import Callable
from contextlib import suppress

import psutil

from bench.measurements import Figures
from bench.systems.freezing import tree

SECONDS, CPU = "seconds", "CPU of a job, all processes"


def cpu_seconds(root: int) -> float:
    """Return the CPU time of a process and its descendants until now, in seconds.

    Linux adds the time of a process that has ended to that of its parent: tasks of Airflow, sessions of PostgreSQL.
    """
    total = 0.0
    for process in tree(root):
        with suppress(psutil.NoSuchProcess):
            used = process.cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
    return total


def measure_jobs(root: int, count: int, run: Callable[[], float]) -> Figures:
    """Run `count` jobs on the stack of a process; return their seconds, and the CPU seconds of the stack for each job."""
    used = cpu_seconds(root)
    seconds = run()
    return {SECONDS: seconds, CPU: (cpu_seconds(root) - used) / count}
