"""Answers that are longer than what the server keeps for a client: each client gets its whole answer at its own pace."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import requests
from sqlalchemy import Engine, delete, text

from api.server import PROCESSES
from api.serving.client_socket import MAX_UNSENT_BYTES
from api.serving.long_answers import MOST_ANSWERS
from ingest.ledger.models import Job
from tests.api.live_server import Server, serving_alone
from tests.api.routes.job_lists import make_job
from tests.api.serving.test_slow_readers import reader
from tools.waiting import wait_until

FILES, PATH_BYTES = 12_000, 4_000
INSERT = """
INSERT INTO file (job_id, path, position, size)
SELECT :job, 'data/' || lpad(number::text, :length, 'x'), number, 1 FROM generate_series(1, :files) AS number
"""


@dataclass(frozen=True)
class Download:
    """A server, and the address of a list that is several times as long as what the server keeps for a client."""

    server: Server
    path: str

    @property
    def request(self) -> bytes:
        return f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()

    def status(self) -> int:
        with requests.get(self.server.url + self.path, stream=True, timeout=60) as answer:
            return answer.status_code


@pytest.fixture(scope="module")
def download(
    database_url: str, database_engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Download]:
    job = make_job(database_engine, "a user with long paths")
    with database_engine.begin() as connection:
        connection.execute(text(INSERT), {"job": job, "length": PATH_BYTES, "files": FILES})
    assert FILES * PATH_BYTES > 5 * MAX_UNSENT_BYTES
    with serving_alone(tmp_path_factory.mktemp("downloads"), database_url) as server:
        yield Download(server, f"/ui/jobs/{job}/files.csv")
    with database_engine.begin() as connection:
        connection.execute(delete(Job).where(Job.id == job))


def rest_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 20), b""))


def test_client_that_reads_late_gets_every_line(download: Download):
    with reader(download.server, download.request) as connection:
        # Long enough for the server to make the whole list, if it did not wait for the client.
        time.sleep(5)
        received = rest_of(connection)
    assert received.startswith(b"HTTP/1.1 200")
    assert received.count(b"\ndata/") == FILES
    assert received.endswith(b"\r\n0\r\n\r\n")


def test_clients_that_do_not_read_occupy_few_threads_until_they_are_dropped(download: Download):
    with ExitStack() as stack:
        for _ in range(PROCESSES * MOST_ANSWERS * 2):
            stack.enter_context(reader(download.server, download.request))
        wait_until(lambda: download.status() == 503, 60, lambda: "no download is refused")
        assert requests.get(f"{download.server.url}/healthz", timeout=60).ok
        # The sockets stay open: the server drops clients that do not read.
        wait_until(
            lambda: {download.status() for _ in range(PROCESSES * 4)} == {200}, 120, lambda: "slots are occupied"
        )


def test_download_that_breaks_off_does_not_look_complete(download: Download, database_engine: Engine):
    with reader(download.server, download.request) as connection:
        connection.recv(1000)
        with database_engine.begin() as connection_of_admin:
            connection_of_admin.execute(text("ALTER TABLE file RENAME TO file_of_another_name"))
        try:
            received = rest_of(connection)
        finally:
            with database_engine.begin() as connection_of_admin:
                connection_of_admin.execute(text("ALTER TABLE file_of_another_name RENAME TO file"))
    assert 0 < received.count(b"\ndata/") < FILES
    assert not received.endswith(b"0\r\n\r\n")
