"""The processes of the server: gunicorn's threads, kept for requests that are there as a whole.

gunicorn reads the head of a request in a thread, for as long as its client takes to send it, and closes connections in the
loop that serves all others, for up to two seconds each: so a few slow clients keep everyone out. Here the loop, which
never waits for one client, gathers the heads, sends the part of an answer that is not taken immediately, and closes the
connections (docs/decisions/0011 says what was measured).

On gunicorn's internals, so its version is pinned; `tests/api/serving/test_slow_clients.py` would fail with another.
"""

import errno
import selectors
import socket
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from http import HTTPStatus

from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from api.error_handlers import INTERNAL_MESSAGE
from api.serving import protocol_errors
from api.serving.client_socket import ClientSocket
from api.serving.connection import Connection
from ingest.errors.types import INTERNAL_ERROR

END_OF_HEAD = b"\r\n\r\n"
LARGEST_HEAD = 64 * 1024
# How long a client may go on sending that is being refused.
LINGER_SECONDS = 5.0
BLOCK = 64 * 1024
NOTHING_TO_ACCEPT = frozenset({errno.EAGAIN, errno.ECONNABORTED})


class Worker(ThreadWorker):  # type: ignore[misc]
    """One process: a loop that waits for all clients at once, and threads that answer requests."""

    def __init__(self, *arguments: object, **keywords: object) -> None:
        super().__init__(*arguments, **keywords)
        self._closing: dict[Connection, None] = {}
        self._answering: dict[Connection, None] = {}

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection, and wait for its first request."""
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno not in NOTHING_TO_ACCEPT:
                raise
            return
        self.nr_conns += 1
        client = ClientSocket(fileno=accepted.detach())
        self._await_head(Connection(self.cfg, client, address, listener.getsockname()))

    def finish_request(self, connection: Connection, done: Future[bool]) -> None:
        """Send the rest of the answer, if there is one; called in the loop when a thread has answered."""
        connection.stays_open = not done.cancelled() and done.exception() is None and bool(done.result())
        if not connection.sock.untaken_bytes or connection.sock.fileno() < 0:
            self._go_on(connection)
            return
        connection.reading.begin(connection.sock.left_bytes())
        connection.timeout = connection.reading.deadline
        connection.sock.setblocking(False)
        self._answering[connection] = None
        self.poller.register(connection.sock, selectors.EVENT_WRITE, partial(self._send_untaken, connection))

    def _send_untaken(self, connection: Connection, client: ClientSocket) -> None:
        try:
            client.send_untaken()
        except OSError:
            self._drop(connection)
            return
        self._check_reader(connection)
        if connection in self._answering and not client.untaken_bytes:
            del self._answering[connection]
            self.poller.unregister(client)
            self._go_on(connection)

    def _check_reader(self, connection: Connection) -> None:
        """Drop a client that has taken too little; also called when the kernel has no space for more of its answer."""
        try:
            connection.reading.count(connection.sock.left_bytes())
        except TimeoutError:
            self._drop(connection)
        else:
            connection.timeout = connection.reading.deadline

    def _go_on(self, connection: Connection) -> None:
        """Wait for the next request, or close."""
        if not connection.stays_open:
            self._close(connection)
            return
        connection.head += connection.parser.unreader.take_buffered()
        if END_OF_HEAD in connection.head:
            self._answer(connection)
        else:
            self._await_head(connection)

    def murder_pending(self) -> None:
        """Close connections whose clients do not close them, or take nothing; called in each turn of the loop."""
        now = time.monotonic()
        for connection in [each for each in self._closing if each.timeout <= now]:
            self._end(connection)
        for connection in [each for each in self._answering if each.timeout <= now]:
            self._check_reader(connection)

    def handle_error(self, _request: object, client: socket.socket, _address: object, error: Exception) -> None:
        """Answer what is no HTTP, or a mistake of the server itself; called by gunicorn, in a thread."""
        with suppress(OSError):
            client.sendall(self._answer_to(error))

    def _answer_to(self, error: Exception) -> bytes:
        refusal = protocol_errors.refusal(error)
        if refusal is None:
            self.log.exception("unexpected %s", type(error).__name__)
            return protocol_errors.answer(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR, INTERNAL_MESSAGE)
        return protocol_errors.answer(refusal.status, refusal.code, refusal.text)

    def _await_head(self, connection: Connection) -> None:
        # All wait equally long, so that the first to give up is always the first in the queue.
        connection.timeout = time.monotonic() + (self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER)
        connection.sock.setblocking(False)
        self.keepalived_conns.append(connection)
        self.poller.register(connection.sock, selectors.EVENT_READ, partial(self._read_head, connection))

    def _read_head(self, connection: Connection, client: ClientSocket) -> None:
        data = _received(client)
        if data is None:
            return
        connection.head += data
        whole = END_OF_HEAD in connection.head
        if data and not whole and len(connection.head) <= LARGEST_HEAD:
            return
        self.poller.unregister(client)
        self.keepalived_conns.remove(connection)
        if whole:
            self._answer(connection)
            return
        if data:
            answer = self._answer_to(LimitRequestHeaders(f"more than {LARGEST_HEAD} bytes"))
            # Not by its own method, which waits: who has not taken the answers before is not owed this one.
            with suppress(OSError):
                socket.socket.send(client, answer)
        self._close(connection)

    def _answer(self, connection: Connection) -> None:
        connection.parser.unreader.unread(bytes(connection.head))
        connection.head.clear()
        connection.sock.begin_request()
        self.enqueue_req(connection)

    def _close(self, connection: Connection) -> None:
        """Say that nothing more will come, and let the client finish (RFC 9112, 9.6)."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.nr_conns -= 1
            connection.close()
            return
        connection.timeout = time.monotonic() + LINGER_SECONDS
        connection.sock.setblocking(False)
        self._closing[connection] = None
        self.poller.register(connection.sock, selectors.EVENT_READ, partial(self._discard, connection))

    def _discard(self, connection: Connection, client: ClientSocket) -> None:
        data = _received(client)
        if data is None:
            return
        connection.may_linger -= len(data)
        if not data or connection.may_linger < 0:
            self._end(connection)

    def _drop(self, connection: Connection) -> None:
        del self._answering[connection]
        self._forget(connection)

    def _end(self, connection: Connection) -> None:
        del self._closing[connection]
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self.poller.unregister(connection.sock)
        self.nr_conns -= 1
        connection.close()


def _received(client: ClientSocket) -> bytes | None:
    """Give what a client has sent, nothing when it has gone; None when there is nothing yet."""
    try:
        # Not by its own method, which waits.
        return socket.socket.recv(client, BLOCK)
    except BlockingIOError:
        return None
    except OSError:
        return b""
