"""Count the requests of one process to services, and their durations.

Created by the stages' wrapper, which adds them to the ledger at the end of an attempt.
"""

import math
import threading
from bisect import bisect_left
from collections.abc import Callable

from ingest.ledger.service_request_totals import RequestKey, Requests

# The upper bounds of the buckets of a histogram, in seconds.
BOUNDS = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, math.inf)
# The status of a request without an answer.
NO_ANSWER = "none"
# Called after each request with its service, method, status and duration in seconds.
Observer = Callable[[str, str, str, float], None]


def ignore(_service: str, _method: str, _status: str, _seconds: float) -> None:
    """Observe nothing."""


class RequestCounts:
    """The requests so far, by service, method, status and bucket; any thread may add one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[RequestKey, Requests] = {}

    def observe(self, service: str, method: str, status: str, seconds: float) -> None:
        """Add a request."""
        key = RequestKey(service, method, status, BOUNDS[bisect_left(BOUNDS, seconds)])
        with self._lock:
            before = self._requests.get(key, Requests(0, 0.0))
            self._requests[key] = Requests(before.count + 1, before.seconds + seconds)

    def take(self) -> dict[RequestKey, Requests]:
        """Return the requests, and start again with none."""
        with self._lock:
            taken, self._requests = self._requests, {}
            return taken
