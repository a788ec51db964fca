"""The only layer of retries: an attempt follows another until too much time has passed without progress."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from pacifica_ingest_client.errors import ServiceUnavailable
from pacifica_ingest_client.progress import Progress

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
Result = TypeVar("Result")


class Retries:
    """Waits between attempts: 1 s, 2 s, 4 s, up to a minute; gives up after `seconds` of failures without progress."""

    def __init__(self, seconds: float, progress: Progress) -> None:
        self._seconds = seconds
        self._progress = progress
        self._failing_since: float | None = None
        self._delay = FIRST_SECONDS

    def reset(self) -> None:
        """Start again with short delays, because there was progress."""
        self._failing_since = None
        self._delay = FIRST_SECONDS

    def call(self, function: Callable[[], Result]) -> Result:
        """Call a function until it succeeds; raises ServiceUnavailable when the time is over, and other errors."""
        while True:
            try:
                result = function()
            except ServiceUnavailable as error:
                self.wait(error)
            else:
                self.reset()
                return result

    def wait(self, error: ServiceUnavailable) -> None:
        """Wait until the next attempt, or raise the error if the time is over."""
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        # A random part, so that many clients do not return in the same second.
        delay = max(error.retry_after or 0, self._delay * random.uniform(0.75, 1.25))  # noqa: S311 - no secret
        if now + delay > self._failing_since + self._seconds:
            raise error
        self._progress.note(f"{error.text}; next attempt in {delay:.0f} s")
        time.sleep(delay)
        self._delay = min(self._delay * 2, LONGEST_SECONDS)
