"""A proxy in front of a service, which forwards requests and answers until a test injects a fault. Used by `e2e_core`.

The service behind it is the real one: its work is done even if the client gets another answer.
"""

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

BLOCK = 1024 * 1024
TIMEOUT_SECONDS = 60
POLL_SECONDS = 0.05
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host"}


@dataclass
class Fault:
    """A fault of the next requests that match; `times` is how often.

    The service handles the request, with `shorten_to` bytes of the body at most, unless `keep_from_service` is set. An
    answer that is lost closes the connection; with `never_answer` none is sent, and the connection stays open.
    """

    method: str
    path: str
    times: int = 1
    lose_answer: bool = False
    never_answer: bool = False
    shorten_to: int | None = None
    answer: tuple[int, bytes] | None = None
    keep_from_service: bool = False
    seen: int = field(default=0, init=False)

    def matches(self, method: str, path: str) -> bool:
        """Return whether the fault applies to a request, and count it."""
        if self.seen >= self.times or method != self.method or not re.search(self.path, path):
            return False
        self.seen += 1
        return True


class Proxy:
    """A proxy to one service; it keeps its port when it is stopped and started again."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._address = ("127.0.0.1", 0)
        self.faults: list[Fault] = []
        self.start()

    @property
    def url(self) -> str:
        """The address of the proxy."""
        host, port = self._address
        return f"http://{host}:{port}"

    def start(self) -> None:
        """Listen."""
        self._server = _Server(self._address, self._target, self.faults)
        self._address = self._server.server_address[:2]  # type: ignore[assignment]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(TIMEOUT_SECONDS)

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[Fault]:
        """Inject a fault into matching requests inside the block."""
        self.faults.append(fault)
        try:
            yield fault
        finally:
            self.faults.remove(fault)


@contextmanager
def proxy_to(target: str) -> Iterator[Proxy]:
    """Run a proxy to an address."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Closing the server does not wait for threads that serve an idle connection.
    block_on_close = False

    def __init__(self, address: tuple[str, int], target: str, faults: list[Fault]) -> None:
        super().__init__(address, _Handler)
        self.target = urlsplit(target)
        self.faults = faults


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_SECONDS
    # Otherwise each answer with a body waits for the acknowledgement of its headers.
    disable_nagle_algorithm = True
    server: _Server
    METHODS: ClassVar = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE")

    def _pass_on(self) -> None:
        fault = next((each for each in self.server.faults if each.matches(self.command, self.path)), None)
        if fault and fault.keep_from_service:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = 500, [("Content-Type", "application/json")], b""
        else:
            status, headers, body = self._forward(fault.shorten_to if fault else None)
        if fault and fault.never_answer:
            # Ends when the client has closed the connection; until then it may send more requests.
            while self.rfile.read(1):
                pass
        if fault and (fault.lose_answer or fault.never_answer):
            self.close_connection = True
            return
        if fault and fault.answer:
            status, body = fault.answer
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP | {"content-length", "date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _forward(self, shorten_to: int | None) -> tuple[int, list[tuple[str, str]], bytes]:
        """Forward the request; a shortened body is announced with its new length, so that the service accepts it."""
        size = int(self.headers.get("Content-Length") or 0)
        kept = size if shorten_to is None else min(size, shorten_to)
        connection = http.client.HTTPConnection(
            self.server.target.hostname or "", self.server.target.port, timeout=TIMEOUT_SECONDS
        )
        try:
            connection.putrequest(self.command, self.server.target.path + self.path, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP | {"content-length"}:
                    connection.putheader(name, value)
            if size or self.command in ("PUT", "POST", "PATCH"):
                connection.putheader("Content-Length", str(kept))
            connection.endheaders()
            self._copy_body(connection, size, kept)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _copy_body(self, connection: http.client.HTTPConnection, size: int, kept: int) -> None:
        left = size
        while left:
            block = self.rfile.read(min(BLOCK, left))
            if not block:
                return
            connection.send(block[: max(kept - (size - left), 0)])
            left -= len(block)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


for _method in _Handler.METHODS:
    setattr(_Handler, f"do_{_method}", _Handler._pass_on)
