"""Connections that the server has ended: open until the client has read its answer. Used by `api.serving.worker`.

All methods run in the loop of the worker and never wait.
"""

import selectors
import socket
import time
from collections.abc import Callable
from functools import partial

from api.serving.client_socket import ClientSocket, receive_available
from api.serving.connection import Connection

# A client whose request is refused may still be sending. Closing immediately would discard the answer together with the
# data that the client sent; reading on without a limit would let it send forever.
LINGER_SECONDS = 5.0
LINGER_BYTES = 32 * 1024**2


class LingeringConnections:
    """Connections that are shut down for writing and wait for the client to close them (RFC 9112, 9.6)."""

    def __init__(self, release: Callable[[Connection], None]) -> None:
        """`release` closes a connection, which is no longer registered with the poller."""
        self._release = release
        self._remaining_bytes: dict[Connection, int] = {}

    def add(self, connection: Connection, poller: selectors.BaseSelector) -> None:
        """Announce the end of the connection to the client, and let the client close it."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._release(connection)
            return
        connection.timeout = time.monotonic() + LINGER_SECONDS
        connection.sock.setblocking(False)
        self._remaining_bytes[connection] = LINGER_BYTES
        poller.register(connection.sock, selectors.EVENT_READ, partial(self._discard, connection, poller))

    def close_expired(self, now: float, poller: selectors.BaseSelector) -> None:
        """Close the connections whose clients have not closed them in time."""
        for connection in [each for each in self._remaining_bytes if each.timeout <= now]:
            self._close(connection, poller)

    def _discard(self, connection: Connection, poller: selectors.BaseSelector, client: ClientSocket) -> None:
        data = receive_available(client)
        if data is None:
            return
        self._remaining_bytes[connection] -= len(data)
        if not data or self._remaining_bytes[connection] < 0:
            self._close(connection, poller)

    def _close(self, connection: Connection, poller: selectors.BaseSelector) -> None:
        del self._remaining_bytes[connection]
        poller.unregister(connection.sock)
        self._release(connection)
