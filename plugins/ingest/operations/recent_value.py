"""A value that a thread reads again when it is old, so that a request never waits for it. Used by the pages."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from typing import Generic, TypeVar

from ingest.errors.types import IngestError

logger = logging.getLogger(__name__)
# How much older than its lifetime a value may be, in seconds: about a reading.
MOST_SECONDS_LATE = 10.0
Value = TypeVar("Value")


class RecentValue(Generic[Value]):
    """A value and its reading, at most one at a time; serves all threads of a process."""

    def __init__(self, read: Callable[[], Value], lifetime: float, threads: Executor) -> None:
        """`lifetime`: after how many seconds a request of the value starts the next reading."""
        self._read = read
        self._lifetime = lifetime
        self._threads = threads
        self._lock = threading.Lock()
        self._reading: Future[None] | None = None
        self._started = 0.0
        self._value: Value | None = None
        # When the reading of the value began.
        self._value_began = 0.0

    def get(self, wait_seconds: float = 0.0) -> Value | None:
        """Return the value of the last reading; wait for the next one if there is none, or it is too old to be shown.

        Returns None if the last reading failed, or takes longer.
        """
        with self._lock:
            is_idle = self._reading is None or self._reading.done()
            if is_idle and (self._reading is None or time.monotonic() - self._started >= self._lifetime):
                self._started = time.monotonic()
                self._reading = self._threads.submit(self._refresh, self._started)
            reading = self._reading
        if self._recent() is None and reading is not None:
            wait([reading], wait_seconds)
        return self._recent()

    def _recent(self) -> Value | None:
        """Return the value, unless nobody requested it for a while, or the next reading hangs."""
        is_recent = time.monotonic() - self._value_began < self._lifetime + MOST_SECONDS_LATE
        return self._value if is_recent else None

    def _refresh(self, began: float) -> None:
        value = None
        try:
            value = self._read()
        except IngestError as error:
            logger.warning("overview: %s", error.text)
        except Exception:
            # No caller waits for this thread, so the error would be lost.
            logger.exception("overview: a part cannot be read")
        self._value, self._value_began = value, began
