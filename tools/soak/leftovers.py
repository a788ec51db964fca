"""The spool after all jobs have ended: empty, once retention has run. Called by `soak`."""

import time
from pathlib import Path

from tools.soak.journal import Journal
from tools.stack import Stack
from tools.waiting import wait_until

RUN_SECONDS = 180
# Retention keeps files that are younger than the limit in `soak_stack`.
REMOVED_SECONDS = 120


def compare_spool(stack: Stack, journal: Journal) -> None:
    """Run the DAG `retention` until the spool is empty; each remaining file is a violation."""
    end = time.monotonic() + REMOVED_SECONDS
    _run_retention(stack)
    while _spooled(stack.home) and time.monotonic() < end:
        _run_retention(stack)
    for name in _spooled(stack.home):
        journal.violate(None, f"{name} is still in the spool")


def _run_retention(stack: Stack) -> None:
    run = stack.request_airflow("POST", "/dags/retention/dagRuns", {"logical_date": None})
    path = f"/dags/retention/dagRuns/{run['dag_run_id']}"

    def succeeded() -> bool:
        return bool(stack.request_airflow("GET", path)["state"] == "success")

    wait_until(succeeded, RUN_SECONDS, lambda: "retention does not succeed")


def _spooled(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "spool").iterdir())
