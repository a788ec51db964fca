"""Failpoints: named points between two writes, at which a test can kill or hold the process that passes them.

Called wherever a kill must be safe: in the API, the stages, housekeeping and the commands. A point does nothing unless
INGEST_FAILPOINTS names a folder in which a test has armed the point for a job: a file `<job id>-<name>` with an action
(`kill` or `hold`) and, optionally, the number of passes before it. The first process to act removes the file, so later
processes pass. The idea is FreeBSD's fail(9).
"""

import os
import signal
import time
from collections import Counter
from functools import cache
from pathlib import Path

VARIABLE = "INGEST_FAILPOINTS"
HELD_SUFFIX = ".held"
HOLD_SECONDS = 300
POLL_SECONDS = 0.02

# For points in work that is done for no single job.
NO_JOB = 0

_passed: Counter[Path] = Counter()


def failpoint(name: str, job_id: int) -> None:
    """Pass a point of a job; kill or hold the process if a test has armed the point."""
    if folder := _folder():
        _pass(Path(folder) / f"{job_id}-{name}")


@cache
def _folder() -> str | None:
    # Read once: it takes a microsecond, four times for each of a million files.
    return os.environ.get(VARIABLE)


def _pass(armed: Path) -> None:
    try:
        action, _, times = armed.read_text(encoding="ascii").partition(" ")
    except FileNotFoundError:
        return
    _passed[armed] += 1
    if _passed[armed] <= int(times or 0):
        return
    held = armed.with_name(armed.name + HELD_SUFFIX)
    try:
        armed.rename(held)
    except FileNotFoundError:
        # Another process has acted.
        return
    if action == "kill":
        held.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    _hold(held)


def _hold(held: Path) -> None:
    """Wait until the test removes the file, at most HOLD_SECONDS."""
    deadline = time.monotonic() + HOLD_SECONDS
    while held.exists() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
