"""`Prefer: wait` on the real server: the answer comes when the job changes, and waiting occupies no thread."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine, func

from tests.api.live_server import Server, serving_alone
from tests.api.routes.job_lists import make_job
from tests.api.routes.states import change
from tools.waiting import wait_until

# A bound for a busy machine; docs/explanation/performance.md has the measurements.
PROMPT_SECONDS = 30
# More than the threads of both processes.
MANY = 100
# Tests leave jobs of other users, of whose unfinished jobs only some are started.
USER = "a user who waits"


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_alone(tmp_path_factory.mktemp("held"), database_url, INGEST_UPLOADS_AT_ONCE=1) as server:
        yield server


def request(job: int, **headers: str) -> bytes:
    lines = [f"GET /jobs/{job} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(connection: socket.socket) -> tuple[str, str]:
    """Return the head and the body of the next answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        block = connection.recv(65536)
        assert block, f"closed after {received!r}"
        received += block
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head.decode(), body.decode()


def is_silent(connection: socket.socket) -> bool:
    """Return whether a second passes without an answer."""
    connection.settimeout(1)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(PROMPT_SECONDS)
    return False


def test_the_answer_comes_when_the_job_changes(server: Server, database_engine: Engine) -> None:
    job = make_job(database_engine, USER)
    with server.connect() as connection:
        connection.sendall(request(job, Prefer="wait=60"))
        assert is_silent(connection)
        change(database_engine, job, updated=func.now(), project="changed")
        head, body = answer(connection)
        assert head.startswith("HTTP/1.1 200 ")
        assert "Preference-Applied: wait=60" in head
        assert '"project":"changed"' in body


def test_many_wait_on_one_connection_each_while_others_are_served(server: Server, database_engine: Engine) -> None:
    job = make_job(database_engine, USER)
    with ExitStack() as stack:
        waiting = [stack.enter_context(server.connect()) for _ in range(MANY)]
        for connection in waiting:
            connection.sendall(request(job, Prefer="wait=60"))
        assert is_silent(waiting[-1])
        # Each process would be blocked if waiting occupied its threads.
        with ThreadPoolExecutor(8) as pool:
            others = list(
                pool.map(lambda _: requests.get(f"{server.url}/jobs/{job}", timeout=PROMPT_SECONDS), range(24))
            )
        assert {each.status_code for each in others} == {200}
        assert not any("Preference-Applied" in each.headers for each in others)
        change(database_engine, job, updated=func.now())
        assert all("Preference-Applied: wait=60" in answer(connection)[0] for connection in waiting)


def test_a_wait_ends_after_its_time_and_the_connection_stays_open(server: Server, database_engine: Engine) -> None:
    job = make_job(database_engine, USER)
    with server.connect() as connection:
        connection.sendall(request(job))
        tag = next(line[6:] for line in answer(connection)[0].split("\r\n") if line.startswith("ETag: "))
        for _ in range(2):
            connection.sendall(request(job, Prefer="respond-async, wait=1", **{"If-None-Match": tag}))
            head, body = answer(connection)
            assert (head.split(" ")[1], body) == ("304", "")
            assert "Preference-Applied: wait=1" in head


@pytest.mark.parametrize("prefer", ["wait=0", "wait", "wait=-1", "await=30", "wait=abc", "respond-async"])
def test_other_preferences_do_not_wait(server: Server, database_engine: Engine, prefer: str) -> None:
    job = make_job(database_engine, USER)
    found = requests.get(f"{server.url}/jobs/{job}", headers={"Prefer": prefer}, timeout=PROMPT_SECONDS)
    assert found.status_code == 200
    assert "Preference-Applied" not in found.headers


def test_an_ended_or_changed_job_is_answered_immediately(server: Server, database_engine: Engine) -> None:
    job = make_job(database_engine, USER)
    headers = {"Prefer": "wait=60", "If-None-Match": 'W/"an older one"'}
    assert requests.get(f"{server.url}/jobs/{job}", headers=headers, timeout=PROMPT_SECONDS).status_code == 200
    change(database_engine, job, outcome="catalogued")
    found = requests.get(f"{server.url}/jobs/{job}", headers={"Prefer": "wait=60"}, timeout=PROMPT_SECONDS)
    assert found.json()["complete"]


def test_a_request_that_closes_and_one_that_follows_early(server: Server, database_engine: Engine) -> None:
    job = make_job(database_engine, USER)
    with server.connect() as connection:
        # The second request arrives with the first one, the third while it is held.
        connection.sendall(request(job, Prefer="wait=60") + request(job))
        assert is_silent(connection)
        connection.sendall(request(job, Prefer="wait=1", Connection="close"))
        change(database_engine, job, updated=func.now())
        assert "Preference-Applied" in answer(connection)[0]


def test_a_client_that_leaves_is_forgotten(server: Server, database_engine: Engine) -> None:
    job = make_job(database_engine, USER)
    before = open_sockets(server)
    with server.connect() as connection:
        connection.sendall(request(job, Prefer="wait=60"))
        assert is_silent(connection)
        assert open_sockets(server) > before
    wait_until(lambda: open_sockets(server) <= before, PROMPT_SECONDS, lambda: "the connection stays open")


def open_sockets(server: Server) -> int:
    """Return the number of connections to clients that the processes of the server have open."""
    port = server.address[1]
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    local = f":{port:04X}"
    return sum(line.split()[1].endswith(local) and line.split()[3] == "01" for line in lines)


def test_a_stopping_process_answers_those_that_wait(database_url: str, tmp_path: Path, database_engine: Engine) -> None:
    job = make_job(database_engine, USER)
    with serving_alone(tmp_path, database_url) as own, own.connect() as connection:
        connection.sendall(request(job, Prefer="wait=60"))
        assert is_silent(connection)
        os.kill(own.process, signal.SIGTERM)
        begun = time.monotonic()
        assert answer(connection)[0].startswith("HTTP/1.1 200 ")
        assert time.monotonic() - begun < PROMPT_SECONDS
