"""A real HTTP server on the loopback interface with scripted answers, including faulty ones."""

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """A received request; `connection` is the client's port."""

    method: str
    path: str
    headers: dict[str, str]
    connection: int
    body: bytes = b""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"
    received: Received

    def handle_request(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.received = Received(self.command, self.path, headers, self.client_address[1])
        self.server.scripted.received.append(self.received)
        self.server.scripted.scripts.popleft()(self)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = handle_request  # noqa: N815

    def read_body(self) -> None:
        self.received.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def send(self, status: int, body: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


Script = Callable[[Handler], None]


@dataclass
class ScriptedServer:
    """The server for a test: its URL, the received requests, and `then` to add answers to the script."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    scripts: deque[Script] = field(default_factory=deque)
    ended: threading.Event = field(default_factory=threading.Event)

    def then(self, *scripts: Script) -> None:
        self.scripts.extend(scripts)


class _Server(ThreadingHTTPServer):
    scripted: ScriptedServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of connections: these tests cut them on purpose."""


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    with _Server(("127.0.0.1", 0), Handler) as server:
        server.scripted = ScriptedServer(url=f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.scripted
        finally:
            server.scripted.ended.set()
            server.shutdown()
            thread.join()


def reply(status: int = 200, document: object = None, body: bytes = b"", **headers: str) -> Script:
    """Read the request, then answer with a JSON document or with bytes; `X_Y` in `headers` is sent as `X-Y`."""

    def script(handler: Handler) -> None:
        handler.read_body()
        content = json.dumps(document).encode() if document is not None else body
        handler.send(status, content, {name.replace("_", "-"): value for name, value in headers.items()})

    return script


def broken_reply(status: int = 200, body: bytes = b"", *, length: int) -> Script:
    """Announce `length` bytes, send fewer and close the connection."""

    def script(handler: Handler) -> None:
        handler.read_body()
        handler.send(status, body, {}, length)
        hang_up(handler)

    return script


def hang_up(handler: Handler) -> None:
    """Reset the connection, as a crashing service does."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.rfile.close()
    handler.connection.close()


def failure(
    exception: str, status: int = 500, message: str = "The server encountered an unexpected condition"
) -> Script:
    """Answer as the Pacifica services do for an error whose traceback ends in `exception`."""
    traceback = (
        "Traceback (most recent call last):\n"
        '  File "/pacifica/first.py", line 1, in open\n    raise OSError("first")\nOSError: first\n\n'
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        f'  File "/pacifica/last.py", line 58, in PUT\n    raise Error(text)\n    ^^^^^^\n{exception}\n'
    )
    document = {"status": f"{status} Error", "message": message, "traceback": traceback, "version": "18.10.0"}
    return reply(status, document)
