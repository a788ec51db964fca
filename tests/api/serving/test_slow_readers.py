"""Clients that request the largest answer and do not read it: all others are served, and no thread waits."""

import hashlib
import re
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from api.serving.client_socket import READ_TIMEOUT_SECONDS, SLOWEST_READER
from tests.api.clients import GET, allow_open_files
from tests.api.live_server import Server, serving_alone
from tools.waiting import wait_until

PROMPT_SECONDS = 2.0
LARGEST_ANSWER = "/docs/js/swagger-ui-bundle.js"
REQUEST = f"GET {LARGEST_ANSWER} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
# Otherwise the kernel buffers the whole answer: on loopback its buffers are as large as its segments.
RECEIVE_BUFFER = 4096
SEGMENT = 536
READERS = 100
ROUNDS = 12
ESTABLISHED = "01"


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_alone(tmp_path_factory.mktemp("readers"), database_url) as server:
        yield server


@pytest.fixture(scope="module")
def expected(server: Server) -> bytes:
    return requests.get(server.url + LARGEST_ANSWER, timeout=60).content


@contextmanager
def reader(server: Server, request: bytes = REQUEST) -> Iterator[socket.socket]:
    """Send a request as a client that reads nothing of the answer; yield its socket."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        connection.settimeout(60)
        connection.connect(server.address)
        connection.sendall(request)
        yield connection


def bodies(connection: socket.socket) -> Iterator[bytes]:
    """Yield the bodies of successive answers, each by its Content-Length."""
    received = bytearray()

    def take(size: int) -> bytes:
        while len(received) < size:
            block = connection.recv(65536)
            assert block, f"{size - len(received)} bytes are missing"
            received.extend(block)
        taken = bytes(received[:size])
        del received[:size]
        return taken

    while True:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += take(1)
        yield take(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))


def is_served(server: Server, connection: socket.socket) -> bool:
    """Return whether the server's end of a connection is still open."""
    ports = tuple(f"{port:04X}" for port in (server.address[1], connection.getsockname()[1]))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any((local[-4:], other[-4:], state) == (*ports, ESTABLISHED) for _, local, other, state, *_ in lines)


def test_hundreds_of_clients_that_do_not_read_the_page_delay_no_other_client(server: Server) -> None:
    allow_open_files(ROUNDS * READERS)
    seconds = []
    with ExitStack() as stack:
        # New readers before each request: otherwise those that block a thread for some seconds would be gone.
        for _ in range(ROUNDS):
            for _ in range(READERS):
                stack.enter_context(reader(server))
            seconds.append(requests.get(f"{server.url}/healthz", timeout=60).elapsed.total_seconds())
    assert statistics.median(seconds) < PROMPT_SECONDS, seconds


def test_client_that_reads_slowly_gets_the_whole_answer(server: Server, expected: bytes) -> None:
    with reader(server) as connection:
        received, begun = b"", time.monotonic()
        # Slowly at first, for longer than a client may read nothing.
        while time.monotonic() < begun + READ_TIMEOUT_SECONDS * 1.5:
            received += connection.recv(SLOWEST_READER * 2)
            time.sleep(0.5)
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        while len(body) < len(expected):
            block = connection.recv(65536)
            assert block
            body += block
    assert hashlib.sha256(body).digest() == hashlib.sha256(expected).digest()


def test_client_that_reads_nothing_is_dropped(server: Server) -> None:
    with reader(server) as connection:
        assert connection.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200"
        wait_until(lambda: not is_served(server, connection), 60, lambda: "the server still has the connection")


def test_client_that_reads_single_bytes_is_dropped(server: Server) -> None:
    with reader(server) as connection:

        def dropped() -> bool:
            connection.recv(1)
            return not is_served(server, connection)

        wait_until(dropped, 60, lambda: "the server still has the connection")


def test_requests_behind_an_answer_that_is_read_late_are_answered_in_order(server: Server, expected: bytes) -> None:
    with reader(server, REQUEST + GET + REQUEST) as connection:
        time.sleep(1)
        answers = bodies(connection)
        assert next(answers) == expected
        assert next(answers) == b'{"message":"Pacifica Ingest Up and Running"}\n'
        assert next(answers) == expected


def test_last_answer_of_a_connection_is_complete_however_late_it_is_read(server: Server, expected: bytes) -> None:
    with reader(server, REQUEST[:-2] + b"Connection: close\r\n\r\n") as connection:
        time.sleep(1)
        assert next(bodies(connection)) == expected
        assert connection.recv(1) == b""


def test_scripts_of_the_page_are_cached_by_etag(server: Server) -> None:
    first = requests.get(server.url + LARGEST_ANSWER, timeout=60)
    assert first.headers["Content-Type"] == "text/javascript; charset=utf-8"
    again = requests.get(
        server.url + LARGEST_ANSWER, headers={"If-None-Match": first.headers["ETag"], "Range": "bytes=0-3"}, timeout=60
    )
    assert (again.status_code, again.content) == (304, b"")
