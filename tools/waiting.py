"""Waiting by condition, for all tests and for the core."""

import time
from collections.abc import Callable

POLL_SECONDS = 0.1


def wait_until(condition: Callable[[], bool], seconds: float, failure: Callable[[], str]) -> None:
    """Wait until a condition holds; fails with what `failure` says when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, failure()
        time.sleep(POLL_SECONDS)
