"""Hundreds of slow, idle or misbehaving clients: all others are served as promptly as before.

The limits are generous; docs/decisions has the measurements. With gunicorn's own `gthread` these tests fail.
"""

import socket
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.api.clients import GET, POST, STALLED, connected, refusal
from tests.api.live_server import Server, serving_alone
from tools.waiting import wait_until

# The median, because single requests may be late on a machine that is busy with other tests.
PROMPT_SECONDS = 2.0
LONGEST_SECONDS = 10.0
SIMULTANEOUS = 200
UNKNOWN_JOB = b"GET /get_state?job_id=999999999999 HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: loc"


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"INGEST_RECEIVE_TIMEOUT": 300, "INGEST_UPLOADS_AT_ONCE": SIMULTANEOUS}
    with serving_alone(tmp_path_factory.mktemp("slow"), database_url, **settings) as server:
        # The first request of a process connects to the database.
        seconds_of_poll(server)
        yield server


@pytest.fixture(scope="module", autouse=True)
def opened_first(server: Server) -> Iterator[list[socket.socket]]:
    """Yield connections that are as old as the server when the last test checks them."""
    with connected(server, 3) as connections:
        for connection, sent in zip(connections, (b"", HALF_A_HEAD, GET), strict=True):
            connection.sendall(sent)
        yield connections


def assert_prompt(server: Server) -> None:
    """Poll more often than there are processes, in sequence, on new connections."""
    assert_all_prompt([seconds_of_poll(server) for _ in range(10)])


def seconds_of_poll(server: Server) -> float:
    """Poll the state of a job on a new connection; return the seconds that it took."""
    begun = time.monotonic()
    with server.connect() as connection:
        connection.sendall(UNKNOWN_JOB)
        assert refusal(connection) == "404 job_unknown"
    return time.monotonic() - begun


def assert_all_prompt(seconds: list[float]) -> None:
    assert statistics.median(seconds) < PROMPT_SECONDS, seconds
    assert max(seconds) < LONGEST_SECONDS, seconds


def test_a_thousand_idle_connections(server: Server) -> None:
    with connected(server, 1000):
        assert_prompt(server)


def test_a_thousand_heads_that_do_not_end(server: Server) -> None:
    with connected(server, 1000, HALF_A_HEAD) as connections:
        for connection in connections:
            connection.sendall(b"a")
        assert_prompt(server)


def test_two_hundred_stalled_uploads_and_one_more(server: Server) -> None:
    with connected(server, SIMULTANEOUS, STALLED) as connections:
        wait_until(lambda: server.uploads() == SIMULTANEOUS, 60, lambda: f"only {server.uploads()} uploads began")
        assert_prompt(server)
        with server.connect() as another:
            another.sendall(STALLED)
            assert refusal(another) == "503 too_many_uploads"
        for connection in connections:
            connection.shutdown(socket.SHUT_WR)
        assert [refusal(connection) for connection in connections] == ["400 body_incomplete"] * SIMULTANEOUS
    wait_until(lambda: (server.files(), server.uploads()) == ([], 0), 30, lambda: str(server.files()))


def test_many_clients_that_poll_while_bundles_are_uploaded(server: Server) -> None:
    def poll(_: int) -> list[float]:
        with requests.Session() as session:
            return [
                session.get(f"{server.url}/get_state/999999999999", timeout=30).elapsed.total_seconds()
                for _ in range(50)
            ]

    def upload(_: int) -> int:
        return requests.post(f"{server.url}/upload", data=bytes(16 * 1024**2), timeout=60).status_code

    with ThreadPoolExecutor(20) as pool:
        uploaded, polled = pool.map(upload, range(4)), pool.map(poll, range(16))
        assert_all_prompt([seconds for client in polled for seconds in client])
        assert set(uploaded) == {200}
    for path in server.spool.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    "request_start",
    [
        pytest.param(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), id="Connection: close"),
        pytest.param(POST + b"Content-Length: 1000000000000000\r\n\r\n", id="refused, with its body to come"),
        pytest.param(
            b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n",
            id="unknown address, with its body to come",
        ),
        pytest.param(b"\r\n\r\nnonsense", id="no HTTP"),
    ],
)
def test_three_hundred_answered_clients_that_do_not_close(server: Server, request_start: bytes) -> None:
    with connected(server, 300, request_start) as connections:
        for connection in connections:
            assert connection.recv(9) == b"HTTP/1.1 "
        assert_prompt(server)


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    upload = POST + b"Content-Length: 1\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(UNKNOWN_JOB + GET + UNKNOWN_JOB[:20])
        connection.sendall(UNKNOWN_JOB[20:] + upload)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert [answer[:3] for answer in received.split(b"HTTP/1.1 ")[1:]] == [b"404", b"200", b"404", b"400"]


def test_idle_and_unfinished_connections_are_closed(server: Server, opened_first: list[socket.socket]) -> None:
    for connection in opened_first:
        while connection.recv(65536):
            pass
