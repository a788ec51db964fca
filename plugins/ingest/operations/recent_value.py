"""A value that a thread reads again when it is old, so that a request never waits for it. Used by the pages."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from typing import Generic, TypeVar

from ingest.errors.types import IngestError

logger = logging.getLogger(__name__)
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

    def get(self, wait_seconds: float = 0.0) -> Value | None:
        """Return the value of the last reading; None if the last one failed, or the first one takes longer."""
        with self._lock:
            is_idle = self._reading is None or self._reading.done()
            if is_idle and (self._reading is None or time.monotonic() - self._started >= self._lifetime):
                self._reading = self._threads.submit(self._refresh)
                self._started = time.monotonic()
            reading = self._reading
        if self._value is None and reading is not None:
            wait([reading], wait_seconds)
        return self._value

    def _refresh(self) -> None:
        try:
            self._value = self._read()
        except IngestError as error:
            self._value = None
            logger.warning("overview: %s", error.text)
