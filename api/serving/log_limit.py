"""How many lines of the log one client may cause: so many a minute, so that nobody rotates away what others caused.

Set on the handler of the log by `api.serving.logs`. Records outside a request pass, and so do those of received jobs: a job
takes a whole upload, and its line is the proof that it was received.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from threading import Lock

from flask import has_request_context, request

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60.0
LINES_PER_CLIENT = 120
# Clients that are counted each by itself; those beyond share one count.
MAX_CLIENTS = 10_000
OTHERS = "other addresses"
EXEMPT = ("api.routes.bundles", __name__)


class ClientLimit(logging.Filter):
    """Passes the first records that a client causes in each minute, and counts the others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._begun = clock()
        self._lines: Counter[str] = Counter()
        self._lock = Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is written; called by logging."""
        if record.name in EXEMPT or not has_request_context():
            return True
        with self._lock:
            ended = self._ended_window()
            passes = self._count(str(request.remote_addr))
        for client, lines in ended.items():
            if lines > LINES_PER_CLIENT:
                logger.warning("%d more lines that %s caused were left out", lines - LINES_PER_CLIENT, client)
        return passes

    def _ended_window(self) -> Counter[str]:
        """Begin a new window when the current one is over; return the counts of the one that ended."""
        if self._clock() - self._begun < WINDOW_SECONDS:
            return Counter()
        ended, self._lines, self._begun = self._lines, Counter(), self._clock()
        return ended

    def _count(self, client: str) -> bool:
        key = client if client in self._lines or len(self._lines) < MAX_CLIENTS else OTHERS
        self._lines[key] += 1
        return self._lines[key] <= LINES_PER_CLIENT
