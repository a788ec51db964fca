"""Limit the log lines that one client can cause per minute, so that it cannot push the lines of others out of the log.

Set on the handler of the log by `api.serving.logs`. Records outside a request are exempt, and so are those of received jobs:
each job costs its client a whole upload, and its line proves that it was received.
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
# Clients with a count of their own; all others share one.
MAX_CLIENTS = 10_000
OTHERS = "other addresses"
EXEMPT = ("api.receiving.create_job", __name__)


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
            ended = self._end_window()
            passes = self._count(str(request.remote_addr))
        for client, lines in ended.items():
            if lines > LINES_PER_CLIENT:
                logger.warning("suppressed %d more lines caused by %s", lines - LINES_PER_CLIENT, client)
        return passes

    def _end_window(self) -> Counter[str]:
        """Start a new window when the current one is over; return the counts of the one that ended."""
        if self._clock() - self._begun < WINDOW_SECONDS:
            return Counter()
        ended, self._lines, self._begun = self._lines, Counter(), self._clock()
        return ended

    def _count(self, client: str) -> bool:
        key = client if client in self._lines or len(self._lines) < MAX_CLIENTS else OTHERS
        self._lines[key] += 1
        return self._lines[key] <= LINES_PER_CLIENT
