"""Clients of the server that send raw HTTP, and read its answers."""

import json
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from typing import Any

from tests.api.live_server import Server

POST = b"POST /upload HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
STALLED = POST + b"Content-Length: 50000\r\n\r\nx"
FILES_BESIDE_CONNECTIONS = 512


def answered(connection: socket.socket) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Read an error; return its status, document and headers."""
    with HTTPResponse(connection) as response:
        response.begin()
        assert response.headers["Content-Type"] == "application/json"
        document = json.loads(response.read())
        assert document.keys() == {"status", "code", "message"}
        assert document["status"].startswith(f"{response.status} ")
        assert "Traceback" not in document["message"]
        return response.status, document, dict(response.headers)


def refusal(connection: socket.socket) -> str:
    """Read an error; return its status and code."""
    status, document, _ = answered(connection)
    return f"{status} {document['code']}"


def refused(server: Server, request: bytes) -> str:
    """Send a request and keep the connection open; return status and code of the answer."""
    with server.connect() as connection:
        connection.sendall(request)
        return refusal(connection)


@contextmanager
def connected(server: Server, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Open `count` connections, and send the same bytes on each."""
    allow_open_files(count)
    connections: list[socket.socket] = []
    try:
        for _ in range(count):
            connections.append(server.connect())
            connections[-1].sendall(sent)
        yield connections
    finally:
        for connection in connections:
            connection.close()


def allow_open_files(connections: int) -> None:
    wanted = connections + FILES_BESIDE_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def drip(connection: socket.socket, pause: float, ended: Callable[[], bool]) -> None:
    """Send single bytes, until `ended` returns True or the server closes the connection."""
    with suppress(OSError):
        while not ended():
            connection.sendall(b"x")
            time.sleep(pause)
