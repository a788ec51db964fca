"""The audit log of reads, in the real server's log."""

import re
from collections.abc import Iterator

import pytest

from api.server import PROCESSES
from api.serving.log_limit import LINES_PER_CLIENT
from tests.api.access.callers import HEADER, TRUSTED, AccessServer, Caller, proxy_settings, serving
from tools.waiting import wait_until

READ = re.compile(r"INFO \[\d+\] api\.access\.read_log: (.*)")


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[AccessServer]:
    with serving(tmp_path_factory.mktemp("reads"), database_url, proxy_settings()) as server:
        yield server


def reads(server: AccessServer) -> list[str]:
    return READ.findall(server.log_text())


def upload(server: AccessServer, user: str) -> int:
    answer = Caller({HEADER: user}, TRUSTED).request(server, "POST", "/upload", data=b"x")
    return int(answer.json()["job_id"])


def test_each_reader_of_a_job_is_in_the_log_once(server: AccessServer):
    job = upload(server, "ursula")
    for user in ("ursula", "olga", "ulf"):
        for _ in range(20):
            Caller({HEADER: user}, TRUSTED).request(server, "GET", f"/get_state?job_id={job}")
    path = f"'/get_state?job_id={job}'"
    expected = {
        f"'ursula' (uploader) at {TRUSTED} read {path}: 200",
        f"'olga' (operator) at {TRUSTED} read {path}: 200",
        f"'ulf' (uploader) at {TRUSTED} read {path}: 404",
    }
    wait_until(lambda: expected <= set(reads(server)), 30, server.log_text)
    assert set(reads(server)) == expected
    assert all(reads(server).count(line) <= PROCESSES for line in expected)


def test_one_client_cannot_flood_the_log(server: AccessServer):
    caller = Caller({HEADER: "ursula"}, TRUSTED)
    for number in range(PROCESSES * LINES_PER_CLIENT + 50):
        caller.request(server, "GET", f"/get_state?job_id={900_000_000 + number}")
    job = upload(server, "ursula")
    wait_until(lambda: f"job {job} received" in server.log_text(), 30, server.log_text)
    # On a slow machine the requests take more than one minute, and each minute has its own limit.
    windows = 1 + server.log_text().count("more lines caused by") // PROCESSES
    assert 0 < len(reads(server)) <= windows * PROCESSES * LINES_PER_CLIENT
