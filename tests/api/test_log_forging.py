"""The real server's log cannot be forged: whatever clients send, each of its lines is one that the server made."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.api.live_server import Server, environment_of
from tests.bundles import make_bundle
from tests.hostile import ALL_AT_ONCE, FORGED
from tests.waiting import wait_until

LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ \[\d+\] [a-z_.]+: |\[\d{4}-\d\d-\d\d [^]]+\] \[\d+\] \[[A-Z]+\] |  \| "
)
HEAD = b"POST /ingest HTTP/1.1\r\nHost: ingest\r\n"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "stderr"


@pytest.fixture(scope="module")
def logging_server(log: Path, database_url: str) -> Iterator[Server]:
    """A server whose log is kept; Airflow is away, so that there is something to log."""
    spool = log.parent / "spool"
    spool.mkdir()
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.server", "-p", "0"],
            env=environment_of(spool, database_url),
            cwd=spool.parent,
            stderr=stderr,
        )
    try:
        wait_until(lambda: "Listening at" in log.read_text(), 30, lambda: "the server does not listen")
        port = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", log.read_text())
        assert port
        yield Server(("127.0.0.1", int(port[1])), spool, database_url)
    finally:
        process.terminate()
        process.wait(30)


def send(server: Server, request: bytes) -> bytes:
    """Send bytes as they are; gives the first of the answer."""
    with server.connect() as connection:
        connection.sendall(request)
        return connection.recv(4096)


def requests_with(text: str) -> Iterator[bytes]:
    """Requests that hold a text in every place that a client chooses."""
    raw, encoded = text.encode(), quote(text).encode()
    yield b"GET /" + encoded + b" HTTP/1.1\r\nHost: ingest\r\n\r\n"
    yield b"GET /get_state/" + encoded + b" HTTP/1.1\r\nHost: ingest\r\n\r\n"
    yield b"GET /get_state?job_id=" + encoded + b" HTTP/1.1\r\nHost: ingest\r\n\r\n"
    yield b"GET /" + raw + b" HTTP/1.1\r\nHost: ingest\r\n\r\n"
    yield raw + b" / HTTP/1.1\r\nHost: ingest\r\n\r\n"
    yield b"GET / " + raw + b"\r\nHost: ingest\r\n\r\n"
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


def test_no_request_forges_a_line_of_the_log(logging_server: Server, log: Path):
    for request in requests_with(ALL_AT_ONCE):
        assert send(logging_server, request).startswith(b"HTTP/1.1 ")
    lines = log.read_text(encoding="utf-8").split("\n")[:-1]
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if not LINE.match(line)] == []
    assert not any(line.startswith(FORGED) for line in lines)


def test_job_of_the_server_is_in_its_log(logging_server: Server, log: Path):
    """Or the test above would look at nothing."""
    bundle = make_bundle()
    assert b"200 OK" in send(logging_server, HEAD + f"Content-Length: {len(bundle)}\r\n\r\n".encode() + bundle)
    assert "received: kind=ingest" in log.read_text()
    assert "housekeeping will trigger it" in log.read_text()
