"""Waiting by condition."""

import time
from collections.abc import Callable

POLL_SECONDS = 0.1


def wait_until(condition: Callable[[], bool], seconds: float, failure: Callable[[], str]) -> None:
    """Wait until a condition holds; raise AssertionError with the text of `failure` after some seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, failure()
        time.sleep(POLL_SECONDS)
