"""What may be left when all jobs have ended: nothing in the spool, once retention has run. Called by `soak`."""

import time
from pathlib import Path

from tools.soak.journal import Journal
from tools.stack import Stack
from tools.waiting import wait_until

RUN_SECONDS = 180
# What is younger than `surroundings` says is not removed yet.
REMOVED_SECONDS = 120


def compare_spool(stack: Stack, journal: Journal) -> None:
    """Let the DAG `retention` run until nothing is left; what stays is a violation."""
    end = time.monotonic() + REMOVED_SECONDS
    _run_retention(stack)
    while _spooled(stack.home) and time.monotonic() < end:
        _run_retention(stack)
    for name in _spooled(stack.home):
        journal.violate(None, f"{name} is in the spool still")


def _run_retention(stack: Stack) -> None:
    run = stack.ask_airflow("POST", "/dags/retention/dagRuns", {"logical_date": None})
    path = f"/dags/retention/dagRuns/{run['dag_run_id']}"

    def succeeded() -> bool:
        return bool(stack.ask_airflow("GET", path)["state"] == "success")

    wait_until(succeeded, RUN_SECONDS, lambda: "retention does not succeed")


def _spooled(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "spool").iterdir())
