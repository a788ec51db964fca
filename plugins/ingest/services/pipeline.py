"""A connection to a service on which small requests are sent before earlier ones are answered (HTTP/1.1 pipelining).

Used by the client of ArchiveInterface. The service carries out the requests of a connection one after the other, in their
order, so neither it nor this process waits for the other between two requests. Decision 37 has the measurements.
"""

import socket
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import httptools
import urllib3
from urllib3.util import parse_url

from ingest.errors.types import ServiceUnavailable
from ingest.services.answer import Answer
from ingest.services.answer_parser import AnswerParser
from ingest.services.http_adapter import connect
from ingest.services.http_client import HttpClient
from ingest.services.request_counts import NO_ANSWER
from ingest.system.tracing import Call, open_call

RECEIVE_BYTES = 64 * 1024
ANY_STATUS = range(1000)


@dataclass(frozen=True)
class _Request:
    """A request that is not answered; `message` is all of it, and `span` ends with the answer."""

    method: str
    path: str
    message: bytes
    call: Call
    span: ExitStack
    sent: float


class Pipeline:
    """Requests that are in progress on one connection, which is opened by the first one.

    If an answer announces that the service closes the connection, the later requests are sent again on a new one: HTTP
    guarantees that the service has not carried them out. Without an announcement, that is a failure. `before_resending` is
    called before requests are sent again; its exceptions are raised unchanged.
    """

    def __init__(self, client: HttpClient, before_resending: Callable[[], None]) -> None:
        self._client = client
        self._url = parse_url(client.base_url)
        self._socket: socket.socket | None = None
        self._parser = AnswerParser()
        self._pending: deque[_Request] = deque()
        self._before_resending = before_resending
        self._answered = 0.0
        self._is_finishing = False

    def send(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """Send a request without waiting for its answer. Raises ServiceUnavailable."""
        span = ExitStack()
        call = span.enter_context(open_call(self._client.service, method, self._client.base_url + path))
        head = self._head(method, path, {**self._client.headers, **(headers or {}), **call.headers}, len(body))
        request = _Request(method, path, head + body, call, span, time.monotonic())
        self._pending.append(request)
        with self._failures_of(request):
            if self._socket is None:
                self._open()
            else:
                self._transmit(request)

    def receive(self, expected: Collection[int]) -> Answer:
        """Return the answer to the oldest request in progress. Raises ServiceUnavailable, also for other statuses."""
        request = self._pending[0]
        with self._failures_of(request):
            answer = Answer(self._next_response())
        self._pending.popleft()
        request.call.status = answer.status
        with request.span:
            self._observe(request, str(answer.status))
            if answer.status not in expected:
                raise self._client.unavailable(request.path, answer.failure_text())
        return answer

    def close(self) -> None:
        """Close the connection; the next request opens another one. No request may be in progress."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def finish(self) -> None:
        """Wait for all answers and close the connection, so that the service carries out nothing later.

        Nothing is sent any more: this process may have lost the job. Failures of the requests in progress are ignored.
        """
        self._is_finishing = True
        while self._pending and self._socket is not None:
            with suppress(ServiceUnavailable):
                self.receive(ANY_STATUS)
        self.close()

    def _head(self, method: str, path: str, headers: Mapping[str, str | bytes], size: int) -> bytes:
        target = (self._url.path or "") + path
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._url.netloc}", "Accept-Encoding: identity"]
        lines += [f"{name}: {value if isinstance(value, str) else value.decode()}" for name, value in headers.items()]
        if method == "PUT":
            lines.append(f"Content-Length: {size}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _open(self) -> None:
        """Open a connection and send all requests in progress."""
        self._parser = AnswerParser()
        self._socket = connect(self._client.base_url, self._client.connect_timeout)
        self._socket.settimeout(self._client.read_timeout)
        for request in self._pending:
            self._transmit(request)

    def _transmit(self, request: _Request) -> None:
        assert self._socket
        self._parser.expect(request.method)
        # If the service has closed the connection, its last answer says why; `receive` reads that.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(request.message)

    def _next_response(self) -> urllib3.BaseHTTPResponse:
        while not self._parser.answers:
            if self._parser.is_last:
                if self._is_finishing:
                    self._await_end()
                    raise ConnectionError("it closed the connection")
                self.close()
                self._before_resending()
                self._open()
            assert self._socket
            data = self._socket.recv(RECEIVE_BYTES)
            if not data:
                raise ConnectionError("it closed the connection without an answer")
            self._parser.feed(data)
        return self._parser.answers.popleft()

    def _await_end(self) -> None:
        """Wait until the service closes the connection, which it does after the last request that it has received."""
        assert self._socket
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(RECEIVE_BYTES):
                pass

    @contextmanager
    def _failures_of(self, request: _Request) -> Iterator[None]:
        """Raise failures of the connection as ServiceUnavailable; all requests in progress then remain unanswered."""
        try:
            yield
        except (urllib3.exceptions.HTTPError, OSError, httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.close()
            raised = self._client.unavailable(request.path, self._client.explain(error))
            while self._pending:
                unanswered = self._pending.popleft()
                self._observe(unanswered, NO_ANSWER)
                with suppress(ServiceUnavailable), unanswered.span:
                    raise raised from error
            raise raised from error

    def _observe(self, request: _Request, status: str) -> None:
        # A request that was sent early waits for those before it: the service works on it only after their answers.
        now, begun = time.monotonic(), max(request.sent, self._answered)
        self._answered = now
        self._client.observe(self._client.service, request.method, status, now - begun)
