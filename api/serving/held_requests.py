"""Requests whose answer waits for a change: their connections wait in the loop, and occupy no thread.

The application raises `HoldRequest` instead of answering. The worker then keeps the connection, and handles the same request
once more when the change happens, when the time is over, or when the process stops. `api.polling.job_changes` uses it.
"""

import selectors
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from api.serving.client_socket import ClientSocket, receive_available
from api.serving.connection import Connection

# A client sends nothing while it waits for its answer, unless it sends its next requests early.
LARGEST_PIPELINE = 64 * 1024


class Subscription(Protocol):
    """Something that may change."""

    def start(self, wake: Callable[[], None]) -> None:
        """Call `wake` after the change, from any thread; may call it more than once."""

    def cancel(self) -> None:
        """Stop calling `wake`."""


class HoldRequest(BaseException):
    """The answer waits for a change, for up to `seconds`.

    Not an Exception, because Flask would turn it into an answer.
    """

    def __init__(self, seconds: float, subscription: Subscription) -> None:
        super().__init__()
        self.seconds = seconds
        self.subscription = subscription

    def prepare(self, connection: Connection) -> None:
        """Reset a connection as if the request had not been read. It has no body; more requests may follow it."""
        connection.parser.mesg = None
        connection.parser.unreader.take_buffered()
        connection.head += connection.handled
        connection.hold = self


class HeldRequests:
    """Connections whose request is held. All methods but the calls of `wake` run in the loop of the worker."""

    def __init__(self, resume: Callable[[Connection], None], release: Callable[[Connection], None]) -> None:
        """`resume` handles the request in `connection.head` again, `release` closes the connection of a client that left."""
        self._resume = resume
        self._release = release
        self._subscriptions: dict[Connection, Subscription] = {}

    def add(
        self, connection: Connection, hold: HoldRequest, poller: selectors.BaseSelector, defer: Callable[..., None]
    ) -> None:
        """Hold the request of a connection; `defer` makes the loop call a function."""
        connection.timeout = time.monotonic() + hold.seconds
        connection.sock.setblocking(False)
        self._subscriptions[connection] = hold.subscription
        poller.register(connection.sock, selectors.EVENT_READ, partial(self._read, connection, poller))
        hold.subscription.start(partial(defer, self._wake, connection, hold.subscription, poller))

    def end_expired(self, now: float, poller: selectors.BaseSelector) -> None:
        """Handle the requests again whose time is over; with an infinite `now`, all of them."""
        for connection in [each for each in self._subscriptions if each.timeout <= now]:
            self._end(connection, poller)

    def _wake(self, connection: Connection, subscription: Subscription, poller: selectors.BaseSelector) -> None:
        # The connection may have ended, or hold another request by now.
        if self._subscriptions.get(connection) is subscription:
            self._end(connection, poller)

    def _end(self, connection: Connection, poller: selectors.BaseSelector) -> None:
        self._forget(connection, poller)
        connection.sock.was_held = True
        self._resume(connection)

    def _read(self, connection: Connection, poller: selectors.BaseSelector, client: ClientSocket) -> None:
        data = receive_available(client)
        if data is None:
            return
        connection.head += data
        if not data or len(connection.head) > LARGEST_PIPELINE:
            self._forget(connection, poller)
            self._release(connection)

    def _forget(self, connection: Connection, poller: selectors.BaseSelector) -> None:
        self._subscriptions.pop(connection).cancel()
        poller.unregister(connection.sock)
