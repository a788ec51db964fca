"""The processes of the server: gunicorn's threads, reserved for requests whose heads have arrived completely.

gunicorn reads the head of a request in a thread, for as long as the client takes to send it, and closes connections in the
loop that serves all others, for up to two seconds each: a few slow clients block everyone. Here the loop, which never waits
for one client, reads the heads, sends the part of an answer that the kernel does not accept immediately, and closes the
connections (docs/decisions/0011 has the measurements).

This depends on gunicorn's internals, so its version is pinned; `tests/api/serving/test_slow_clients.py` fails with another.
"""

import math
import selectors
import socket
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from api.serving import protocol_errors
from api.serving.client_socket import ClientSocket, receive_available
from api.serving.connection import Connection
from api.serving.held_requests import HeldRequests, HoldRequest
from api.serving.http_request import Request
from api.serving.lingering_connections import LingeringConnections
from api.serving.poll_queue import ANNOUNCE, PollQueue
from api.serving.unsent_answers import UnsentAnswers

END_OF_HEAD = b"\r\n\r\n"
LARGEST_HEAD = 64 * 1024


class Worker(ThreadWorker):  # type: ignore[misc]
    """One process: a loop that waits for all clients simultaneously, and threads that handle requests."""

    def __init__(self, *arguments: object, **keywords: object) -> None:
        super().__init__(*arguments, **keywords)
        self._lingering = LingeringConnections(self._release)
        self._unsent = UnsentAnswers(self._continue, self._release)
        self._held = HeldRequests(self._handle, self._release)

    def load_wsgi(self) -> None:
        """Load the application; called by gunicorn when the process has its threads."""
        super().load_wsgi()
        announce = self.wsgi.extensions[ANNOUNCE]
        self._polls = PollQueue(announce, self.tpool.submit, self.handle, self._finish, self.method_queue.defer)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events; called by gunicorn in each turn of the loop."""
        super().wait_for_and_dispatch_events(min(timeout, self._polls.longest_pause))

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, and wait for its first request."""
        connection = Connection.accept(self.cfg, listener)
        if connection is not None:
            self.nr_conns += 1
            self._await_head(connection)

    def finish_request(self, connection: Connection, done: Future[bool]) -> None:
        """Take a connection back when a thread has handled its request; called in the loop."""
        self._finish(connection, not done.cancelled() and done.exception() is None and bool(done.result()))

    def _finish(self, connection: Connection, stays_open: bool) -> None:
        """Send the rest of the answer, if any."""
        if connection.hold is not None:
            hold, connection.hold = connection.hold, None
            self._held.add(connection, hold, self.poller, self.method_queue.defer)
            return
        connection.handled, connection.sock.was_held = b"", False
        connection.stays_open = stays_open
        if connection.sock.unsent_bytes and connection.sock.fileno() >= 0:
            self._unsent.add(connection, self.poller)
        else:
            self._continue(connection)

    def murder_pending(self) -> None:
        """Close connections whose clients do not close them or do not read; called in each turn of the loop."""
        now = time.monotonic()
        self._polls.help_stalled(now)
        self._lingering.close_expired(now, self.poller)
        self._unsent.drop_slow(now, self.poller)
        self._held.end_expired(now if self.alive else math.inf, self.poller)

    def handle_request(self, request: Request, connection: Connection) -> bool:
        """Answer a request, or prepare to handle it once more; called by gunicorn, in a thread."""
        try:
            return bool(super().handle_request(request, connection))
        except HoldRequest as hold:
            hold.prepare(connection)
            return False

    def handle_error(self, _request: object, client: socket.socket, _address: object, error: Exception) -> None:
        """Answer a malformed request or an internal error of the server; called by gunicorn, in a thread."""
        with suppress(OSError):
            client.sendall(protocol_errors.answer_to(error, self.log))

    def _continue(self, connection: Connection) -> None:
        """Wait for the next request, or end the connection."""
        if not connection.stays_open:
            self._lingering.add(connection, self.poller)
            return
        connection.head += connection.parser.unreader.take_buffered()
        if END_OF_HEAD in connection.head:
            self._handle(connection)
        else:
            self._await_head(connection)

    def _await_head(self, connection: Connection) -> None:
        # The time limit is the same for all, so that the first in the queue is the first to expire.
        connection.timeout = time.monotonic() + (self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER)
        connection.sock.setblocking(False)
        self.keepalived_conns.append(connection)
        self.poller.register(connection.sock, selectors.EVENT_READ, partial(self._read_head, connection))

    def _read_head(self, connection: Connection, client: ClientSocket) -> None:
        data = receive_available(client)
        if data is None:
            return
        connection.head += data
        is_complete = END_OF_HEAD in connection.head
        if data and not is_complete and len(connection.head) <= LARGEST_HEAD:
            return
        self.poller.unregister(client)
        self.keepalived_conns.remove(connection)
        if is_complete:
            self._handle(connection)
            return
        if data:
            answer = protocol_errors.answer_to(LimitRequestHeaders(f"more than {LARGEST_HEAD} bytes"), self.log)
            # Not ClientSocket's method, which waits: a client that has not read its earlier answers does not get this one.
            with suppress(OSError):
                socket.socket.send(client, answer)
        self._lingering.add(connection, self.poller)

    def _handle(self, connection: Connection) -> None:
        """Handle a request in a thread: polls in one that they share."""
        connection.handled = bytes(connection.head)
        connection.parser.unreader.unread(connection.handled)
        connection.head.clear()
        connection.sock.begin_request()
        if not self._polls.add(connection):
            self.enqueue_req(connection)

    def _release(self, connection: Connection) -> None:
        self.nr_conns -= 1
        connection.close()
