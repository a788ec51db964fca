"""Answers that the kernel has not accepted completely: sent as their clients read them. Used by `api.serving.worker`.

All methods run in the loop of the worker and never wait.
"""

import selectors
import time
from collections.abc import Callable
from functools import partial

from api.serving.client_socket import READ_TIMEOUT_SECONDS, SLOWEST_READER, ClientSocket
from api.serving.connection import Connection
from api.serving.pace import Pace


class _Progress:
    """How fast a client reads its answer."""

    def __init__(self, unread_bytes: int) -> None:
        """Start with the number of bytes that the client has not acknowledged."""
        self._pace = Pace(READ_TIMEOUT_SECONDS, SLOWEST_READER)
        self._counted_at = time.monotonic()
        self._unread_bytes = unread_bytes

    @property
    def deadline(self) -> float:
        """The time at which the client must have read more."""
        return self._counted_at + self._pace.remaining_seconds

    def count(self, unread_bytes: int) -> None:
        """Count the bytes that were read since the last call; raises TimeoutError when they are too few."""
        now = time.monotonic()
        self._pace.count(now - self._counted_at, self._unread_bytes - unread_bytes)
        self._counted_at, self._unread_bytes = now, unread_bytes


class UnsentAnswers:
    """Connections whose clients have not read their whole answer."""

    def __init__(self, on_sent: Callable[[Connection], None], release: Callable[[Connection], None]) -> None:
        """`on_sent` is called when an answer is sent, `release` closes the connection of a client that reads too slowly."""
        self._on_sent = on_sent
        self._release = release
        self._progress: dict[Connection, _Progress] = {}

    def add(self, connection: Connection, poller: selectors.BaseSelector) -> None:
        """Send the rest of an answer when the client reads."""
        progress = self._progress[connection] = _Progress(connection.sock.left_bytes())
        connection.timeout = progress.deadline
        connection.sock.setblocking(False)
        poller.register(connection.sock, selectors.EVENT_WRITE, partial(self._send, connection, poller))

    def drop_slow(self, now: float, poller: selectors.BaseSelector) -> None:
        """Drop the clients that have read too little."""
        for connection in [each for each in self._progress if each.timeout <= now]:
            self._check(connection, poller)

    def _send(self, connection: Connection, poller: selectors.BaseSelector, client: ClientSocket) -> None:
        try:
            client.send_unsent()
        except OSError:
            self._drop(connection, poller)
            return
        self._check(connection, poller)
        if connection in self._progress and not client.unsent_bytes:
            self._forget(connection, poller)
            self._on_sent(connection)

    def _check(self, connection: Connection, poller: selectors.BaseSelector) -> None:
        progress = self._progress[connection]
        try:
            progress.count(connection.sock.left_bytes())
        except TimeoutError:
            self._drop(connection, poller)
        else:
            connection.timeout = progress.deadline

    def _drop(self, connection: Connection, poller: selectors.BaseSelector) -> None:
        self._forget(connection, poller)
        self._release(connection)

    def _forget(self, connection: Connection, poller: selectors.BaseSelector) -> None:
        del self._progress[connection]
        poller.unregister(connection.sock)
