"""Many simultaneous polls on the real server: each gets the answer of its own job, and few threads answer them."""

import re
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg2
import pytest
import requests
from sqlalchemy import Engine

from tests.api.clients import connected
from tests.api.live_server import Server, serving_alone
from tests.api.routes.job_lists import make_job
from tests.api.serving.test_held_requests import answer, is_silent
from tools.waiting import wait_until

# Of no other test: a user with many unfinished jobs waits for them, which changes the answers.
USER = "polling"
CLIENTS = 200
SECONDS = 60
COUNTED = re.compile(
    r'^pacifica_ingest_http_requests_total\{method="GET",route="/get_state",status="200"\} ([0-9.e+]+)$', re.M
)


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_alone(tmp_path_factory.mktemp("polls"), database_url) as server:
        yield server


def poll(job: int, **headers: str) -> bytes:
    lines = [f"GET /get_state?job_id={job} HTTP/1.1", "Host: localhost"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "\r\n"]).encode()


def threads(server: Server) -> int:
    return sum(len(list(Path(f"/proc/{worker}/task").iterdir())) for worker in server.workers())


def counted(server: Server) -> float:
    found = COUNTED.search(requests.get(f"{server.url}/metrics", timeout=SECONDS).text)
    return float(found[1]) if found else 0.0


def test_each_of_many_clients_gets_the_state_of_its_own_job(server: Server, database_engine: Engine) -> None:
    jobs = [make_job(database_engine, USER) for _ in range(10)]
    before, rounds = counted(server), 5
    with connected(server, CLIENTS) as connections:
        for _ in range(rounds):
            for number, connection in enumerate(connections):
                connection.sendall(poll(jobs[number % len(jobs)]))
            for number, connection in enumerate(connections):
                head, body = answer(connection)
                assert head.startswith("HTTP/1.1 200 ")
                assert "Connection: keep-alive" in head
                assert f'"job_id":{jobs[number % len(jobs)]},' in body
        # One for each client would be `CLIENTS` threads.
        assert threads(server) < CLIENTS / 4
    assert counted(server) == before + rounds * CLIENTS


def test_requests_that_arrive_together_are_answered_in_their_order(server: Server, database_engine: Engine) -> None:
    one, other = make_job(database_engine, USER), make_job(database_engine, USER)
    with server.connect() as connection:
        last = poll(other, Connection="close")
        connection.sendall(poll(one) + poll(other) + b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + poll(one) + last)
        found = b""
        while block := connection.recv(65536):
            found += block
    assert [int(each) for each in re.findall(rb'"job_id":([0-9]+)', found)] == [one, other, one, other]
    assert found.count(b"HTTP/1.1 200 ") == 5


def test_a_poll_with_a_body_is_answered_and_ends_its_connection(server: Server, database_engine: Engine) -> None:
    job = make_job(database_engine, USER)
    with server.connect() as connection:
        connection.sendall(poll(job, **{"Content-Length": "1000"}))
        head, _ = answer(connection)
        assert head.startswith("HTTP/1.1 200 ")
        assert "Connection: close" in head


def test_clients_that_leave_before_their_answer_harm_no_other(server: Server, database_engine: Engine) -> None:
    job = make_job(database_engine, USER)
    with connected(server, CLIENTS, poll(job)) as connections:
        for connection in connections[::2]:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
            connection.close()
        for connection in connections[1::2]:
            assert answer(connection)[0].startswith("HTTP/1.1 200 ")
    assert requests.get(f"{server.url}/get_state/{job}", timeout=SECONDS).json()["job_id"] == job


def test_polls_that_wait_for_the_database_delay_no_other_request(server: Server, database_engine: Engine) -> None:
    job = make_job(database_engine, USER)
    with connected(server, 20) as connections, closing(psycopg2.connect(server.database_url)) as lock:
        with lock.cursor() as cursor:
            cursor.execute("LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
        for connection in connections:
            connection.sendall(poll(job))
        assert is_silent(connections[-1])
        for _ in range(10):
            assert requests.get(f"{server.url}/", timeout=SECONDS).status_code == 200
        lock.rollback()
        statuses = {answer(connection)[0].split(" ")[1] for connection in connections}
        # A poll that waited for longer than its time limit on a busy machine is refused.
        assert statuses <= {"200", "503"}
    wait_until(lambda: is_answered(server, job), SECONDS, lambda: "polls are not answered any more")


def is_answered(server: Server, job: int) -> bool:
    with suppress(requests.RequestException):
        return requests.get(f"{server.url}/get_state?job_id={job}", timeout=SECONDS).status_code == 200
    return False
