"""A question that may take long, or for ever: asked in a thread, and not again before it is answered.

Used by `api.probes.readiness`.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

from ingest.errors.types import IngestError

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class BackgroundProbe(Generic[Answer]):
    """A question and the last answer to it; used by one thread at a time."""

    def __init__(self, name: str, ask: Callable[[], Answer], otherwise: Answer) -> None:
        """`otherwise` is the answer while there is none, and when `ask` raises an IngestError."""
        self._name = name
        self._ask = ask
        self._otherwise = otherwise
        self._asked: Future[Answer] | None = None
        self._logged = ""

    def ask(self, threads: Executor) -> Future[Answer]:
        """Ask, unless it was asked before and is not answered."""
        if self._asked is None or self._asked.done():
            self._asked = threads.submit(self._ask)
        return self._asked

    def answer(self) -> Answer:
        """Give the answer that there is now."""
        if self._asked is None or not self._asked.done():
            self._log("there is no answer yet")
            return self._otherwise
        try:
            answer = self._asked.result()
        except IngestError as error:
            self._log(error.text)
            return self._otherwise
        self._log("")
        return answer

    def _log(self, text: str) -> None:
        # Only what is new, because probes come every few seconds.
        if text != self._logged:
            logger.warning("readiness of %s: %s", self._name, text or "it is back")
        self._logged = text
