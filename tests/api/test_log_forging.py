"""Clients cannot forge the real server's log: whatever they send, the server wrote each line."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.api.access.callers import AccessServer, serving
from tests.hostile_texts import ALL_HOSTILE, FORGED
from tools.bundles import make_bundle

LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ \[\d+\] [a-z_.]+: |\[\d{4}-\d\d-\d\d [^]]+\] \[\d+\] \[[A-Z]+\] |  \| "
)
HEAD = b"POST /ingest HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[AccessServer]:
    """Run a server whose log is kept; Airflow is unavailable, so that it logs warnings."""
    with serving(tmp_path_factory.mktemp("logging"), database_url, {}) as server:
        yield server


def send(server: AccessServer, request: bytes) -> bytes:
    """Send raw bytes; return the first bytes of the answer."""
    with server.connect() as connection:
        connection.sendall(request)
        return connection.recv(4096)


def requests_with(text: str) -> Iterator[bytes]:
    """Yield requests that hold a text in every place that a client controls."""
    raw, encoded = text.encode(), quote(text).encode()
    yield b"GET /" + encoded + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield b"GET /get_state/" + encoded + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield b"GET /get_state?job_id=" + encoded + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield b"GET /" + raw + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield raw + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield b"GET / " + raw + b"\r\nHost: localhost\r\n\r\n"
    yield b"GET / HTTP/1.1\r\nHost: " + raw + b"\r\n\r\n"
    yield b"GET / HTTP/1.1\r\n" + raw + b": value\r\n\r\n"
    yield HEAD + b"Content-Length: " + raw + b"\r\n\r\n"
    yield HEAD + b"Content-Type: " + raw + b"\r\nContent-Length: 3\r\n\r\nabc"
    yield HEAD + b"Transfer-Encoding: " + raw + b"\r\n\r\n"
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + raw + b"\r\n"
    bundle = make_bundle()
    length = f"Content-Length: {len(bundle)}\r\n\r\n".encode()
    yield HEAD + b"X-Http-Authed-User: " + raw + b"\r\n" + length + bundle
    yield HEAD + b"Authorization: Bearer " + raw + b"\r\n" + length + bundle


def test_no_request_forges_a_line_of_the_log(server: AccessServer):
    for request in requests_with(ALL_HOSTILE):
        assert send(server, request).startswith(b"HTTP/1.1 ")
    lines = server.log_text().split("\n")[:-1]
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if not LINE.match(line)] == []
    assert not any(line.startswith(FORGED) for line in lines)


def test_received_job_is_in_the_log(server: AccessServer):
    """Without this check the test above could pass with an empty log."""
    bundle = make_bundle()
    assert b"200 OK" in send(server, HEAD + f"Content-Length: {len(bundle)}\r\n\r\n".encode() + bundle)
    assert "received: kind=ingest" in server.log_text()
    assert "housekeeping will trigger it" in server.log_text()
