"""A check that may take long or never return: runs in a thread, once at a time. Used by `api.probes.readiness`."""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

from ingest.errors.types import IngestError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class BackgroundProbe(Generic[Result]):
    """A check and its last result; used by one thread at a time."""

    def __init__(self, name: str, check: Callable[[], Result], fallback: Result) -> None:
        """`fallback` is the result while the check is running, and when it raises an IngestError."""
        self._name = name
        self._check = check
        self._fallback = fallback
        self._running: Future[Result] | None = None
        self._logged = ""

    def start(self, threads: Executor) -> Future[Result]:
        """Start the check, unless the previous one is still running."""
        if self._running is None or self._running.done():
            self._running = threads.submit(self._check)
        return self._running

    def result(self) -> Result:
        """Return the result of the last check, or the fallback."""
        if self._running is None or not self._running.done():
            self._log("no answer yet")
            return self._fallback
        try:
            result = self._running.result()
        except IngestError as error:
            self._log(error.text)
            return self._fallback
        self._log("")
        return result

    def _log(self, text: str) -> None:
        # Changes only, because load balancers call every few seconds.
        if text != self._logged:
            logger.warning("readiness of %s: %s", self._name, text or "available again")
        self._logged = text
