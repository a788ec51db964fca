"""Polls, handled by one thread one after the other: a thread for each would cost more than the answer.

Threads that all compute wait for the interpreter's lock, and each wakes up every 5 ms to request it: with a hundred threads
that is half of the processor time of a poll (docs/decisions/0034). Used by `api.serving.worker`.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from threading import Lock

from api.serving.connection import Connection

logger = logging.getLogger(__name__)

# The application registers the function under this name (`api.polling.announced_polls`).
ANNOUNCE = "announce poll"
# Returns what the application prepares for a poll, by the head of the request; None for a request that is not a poll.
Announce = Callable[[bytes], object | None]

# A poll that waits for this long, because the one before it waits for something, causes one more thread.
STALLED_SECONDS = 0.05
MOST_THREADS = 32


class PollQueue:
    """The polls that wait. A thread handles them until none waits; further threads help while it is stalled."""

    def __init__(
        self,
        announce: Announce,
        start_thread: Callable[[Callable[[], None]], object],
        handle: Callable[[Connection], bool],
        finish: Callable[[Connection, bool], None],
        defer: Callable[[Callable[[], None]], None],
    ) -> None:
        """`handle` answers a request and returns whether the connection stays open.

        `finish` is then called in the loop of the worker, by `defer`.
        """
        self._announce = announce
        self._start_thread = start_thread
        self._handle = handle
        self._finish = finish
        self._defer = defer
        self._lock = Lock()
        self._waiting: deque[Connection] = deque()
        self._threads = 0
        self._taken_at = 0.0
        self._handled: deque[tuple[Connection, bool]] = deque()
        self._is_deferred = False

    @property
    def longest_pause(self) -> float:
        """How many seconds the loop may wait before it calls `help_stalled`."""
        return STALLED_SECONDS if self._waiting else math.inf

    def add(self, connection: Connection) -> bool:
        """Handle the request of a connection if it is a poll; return whether it is. Called in the loop of the worker."""
        announced = connection.sock.announced = self._announce(connection.handled)
        if announced is None:
            return False
        with self._lock:
            self._waiting.append(connection)
            needs_thread = not self._threads
            if needs_thread:
                self._count_thread(time.monotonic())
        if needs_thread:
            self._start_thread(self._work)
        return True

    def help_stalled(self, now: float) -> None:
        """Start one more thread if the others handle requests that take long; called in each turn of the loop."""
        with self._lock:
            if not self._waiting or now - self._taken_at < STALLED_SECONDS or self._threads >= MOST_THREADS:
                return
            self._count_thread(now)
        self._start_thread(self._work)

    def _count_thread(self, now: float) -> None:
        self._threads += 1
        # The new thread needs a moment to take a poll.
        self._taken_at = now

    def _work(self) -> None:
        while (connection := self._next()) is not None:
            self._report(connection, self._stays_open(connection))

    def _stays_open(self, connection: Connection) -> bool:
        """Handle a request; return whether its connection stays open."""
        try:
            with connection.sock.collecting():
                return self._handle(connection)
        except OSError:
            # The client has closed the connection.
            return False
        except BaseException:
            # `handle` answers errors itself. Whatever it raises ends this request only, as in a thread of its own.
            logger.exception("a poll failed")
            return False

    def _next(self) -> Connection | None:
        """Return the poll that has waited longest; None if this thread ends."""
        with self._lock:
            if self._waiting:
                self._taken_at = time.monotonic()
                return self._waiting.popleft()
            self._threads -= 1
            return None

    def _report(self, connection: Connection, stays_open: bool) -> None:
        """Hand the connection back to the loop, which one call wakes for all that were handled in the meantime."""
        self._handled.append((connection, stays_open))
        if not self._is_deferred:
            self._is_deferred = True
            self._defer(self._finish_handled)

    def _finish_handled(self) -> None:
        # Before the connections are taken: the next one that is added wakes the loop again.
        self._is_deferred = False
        while self._handled:
            self._finish(*self._handled.popleft())
