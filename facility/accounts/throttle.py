"""Limits how often a password may be tried, and how many tries wait for the directory. Used by `accounts.security_manager`.

FAB limits only the requests of its form, and only by the address, which all people behind a proxy share. Requests to
`/auth/token` have no limit there. So this counts by the name of the account, wherever the password was sent.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from cachetools import TTLCache

MAX_TRIES, WINDOW_SECONDS = 5, 60
# Anybody can send names. Those of the oldest tries are forgotten first.
MAX_NAMES = 20_000
# Each try occupies a thread of the api-server, which the pipeline needs, too, until the directory answers.
MAX_SIMULTANEOUS = 8

logger = logging.getLogger(__name__)


class Throttle:
    """The recent failed log-ins of each name, in this process."""

    def __init__(self) -> None:
        self._tries: TTLCache[str, deque[float]] = TTLCache(MAX_NAMES, WINDOW_SECONDS)
        self._lock = Lock()
        self._free = BoundedSemaphore(MAX_SIMULTANEOUS)

    @contextmanager
    def trying(self, name: str) -> Iterator[bool]:
        """Count a try and yield whether it is permitted, for the `with` block.

        It is counted before the check, so that simultaneous tries count. One that is refused does not count.
        """
        if not self._free.acquire(blocking=False):
            logger.warning("refused a log-in of %r: %d others wait for the directory", name, MAX_SIMULTANEOUS)
            yield False
            return
        try:
            permitted = self._count(name)
            if not permitted:
                logger.warning("refused a log-in of %r: %d failed in %d seconds", name, MAX_TRIES, WINDOW_SECONDS)
            yield permitted
        finally:
            self._free.release()

    def forget(self, name: str) -> None:
        """Forget the tries of a name, which has logged in."""
        with self._lock:
            self._tries.pop(name, None)

    def _count(self, name: str) -> bool:
        now = time.monotonic()
        with self._lock:
            tries = self._tries.get(name, deque[float](maxlen=MAX_TRIES))
            if len(tries) == MAX_TRIES and now - tries[0] < WINDOW_SECONDS:
                return False
            tries.append(now)
            self._tries[name] = tries
        return True
