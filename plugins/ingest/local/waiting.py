"""Wait for a condition, with a limit. Used wherever the launcher waits for a process."""

import time
from collections.abc import Callable

from ingest.local.reporting import LaunchFailure

POLL_SECONDS = 0.1


def wait_until(condition: Callable[[], bool], seconds: float, failure: Callable[[], LaunchFailure]) -> None:
    """Poll `condition` until it is true; after `seconds` raise the exception that `failure` returns."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise failure()
        time.sleep(POLL_SECONDS)
