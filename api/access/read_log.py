"""The audit log of reads: user, role, address, path and status.

Called by `api.access.auth` after each request. A client that polls causes one line in ten minutes, not one per poll.
Uploads have their own log lines and events (`api.routes.bundles`).
"""

import logging
import math
import time
from collections import OrderedDict
from threading import Lock

from flask import Response, request

from api.access.roles import Caller
from ingest.system.sanitize import quote_name

logger = logging.getLogger(__name__)

REPEAT_SECONDS = 600.0
# Reads that a process remembers. Beyond that the oldest is forgotten, and logged again when it is repeated.
MAX_REMEMBERED = 10_000

# User, address, path with its query, and status.
Read = tuple[str, str, str, int]


class ReadLog:
    """Logs each new read, and again when it is repeated after ten minutes."""

    def __init__(self) -> None:
        self._logged: OrderedDict[Read, float] = OrderedDict()
        self._lock = Lock()

    def record(self, caller: Caller, response: Response) -> None:
        """Log the current request and its answer, if it is a read that was not logged recently."""
        if request.method not in ("GET", "HEAD"):
            return
        read = (caller.user, str(request.remote_addr), request.full_path.rstrip("?"), response.status_code)
        if self._is_new(read, time.monotonic()):
            user, address, path, status = read
            logger.info("%s (%s) at %s read %s: %d", quote_name(user), caller.role, address, quote_name(path), status)

    def _is_new(self, read: Read, now: float) -> bool:
        with self._lock:
            if now - self._logged.get(read, -math.inf) < REPEAT_SECONDS:
                return False
            self._logged[read] = now
            self._logged.move_to_end(read)
            if len(self._logged) > MAX_REMEMBERED:
                self._logged.popitem(last=False)
            return True
