"""Limits how often a password may be tried. Used by `accounts.security_manager`.

FAB limits only the requests of its form, and only by the address, which all people behind a proxy share. Requests to
`/auth/token` have no limit there. So this counts by the name of the account, wherever the password was sent.
"""

import logging

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

MAX_TRIES, WINDOW_SECONDS = 5, 60

logger = logging.getLogger(__name__)


class Throttle:
    """The recent failed log-ins of each name, in this process."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerSecond(MAX_TRIES, WINDOW_SECONDS)

    def may_try(self, name: str) -> bool:
        """Count a try and return whether it is permitted. Counted before the check, so that simultaneous tries count."""
        permitted: bool = self._limiter.hit(self._limit, name)
        if not permitted:
            logger.warning("refused a log-in of %r: %d failed in %d seconds", name, MAX_TRIES, WINDOW_SECONDS)
        return permitted

    def forget(self, name: str) -> None:
        """Forget the tries of a name, which has logged in."""
        self._limiter.clear(self._limit, name)
