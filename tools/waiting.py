"""Waiting by condition."""

import time
from collections.abc import Callable

SHORTEST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.25


def wait_until(condition: Callable[[], bool], seconds: float, failure: Callable[[], str]) -> None:
    """Wait until a condition holds; raise AssertionError with the text of `failure` after some seconds.

    The pauses grow with the time waited, because to check a condition of a stack costs processor time.
    """
    begun = time.monotonic()
    while not condition():
        waited = time.monotonic() - begun
        assert waited < seconds, failure()
        time.sleep(min(max(waited / 10, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS))
