"""A spool on a disk that is full or nearly full: 507, nothing is left behind, and other uploads continue."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.api.clients import CHUNKED, POST, answered, refusal, refused
from tests.api.live_server import Server, serving
from tests.small_disk import empty, fill, small_disk
from tools.waiting import wait_until

MIB = 1024**2
SIZE = 16 * MIB
KEPT_FREE = 2 * MIB


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("full") / "spool"
    with (
        small_disk(folder, SIZE) as spool,
        serving(spool, database_url, INGEST_SPOOL_KEPT_FREE=KEPT_FREE, INGEST_RECEIVE_TIMEOUT=60) as server,
    ):
        # Other tests leave rows of uploads without files.
        server.forget_uploads()
        yield server


@pytest.fixture(autouse=True)
def nothing_else_stays(server: Server) -> Iterator[None]:
    """Check that the spool holds only received bundles, and remove them."""
    jobs = set(server.rows())
    yield
    taken = {row["spool_name"] for job, row in server.rows().items() if job not in jobs}
    wait_until(lambda: set(server.files()) == taken and server.uploads() == 0, 30, lambda: str(server.files()))
    for name in taken:
        (server.spool / name).unlink()


def begin(server: Server, size: int) -> socket.socket:
    """Announce a bundle and send its first byte."""
    connection = server.connect()
    connection.sendall(POST + f"Content-Length: {size}\r\n\r\nx".encode())
    return connection


def finish(connection: socket.socket, size: int) -> int:
    connection.sendall(b"x" * (size - 1))
    status = connection.recv(65536)
    connection.close()
    return int(status.split()[1])


def announcement(size: int) -> bytes:
    return POST + f"Content-Length: {size}\r\n\r\n".encode()


def test_upload_that_does_not_fit_is_refused_before_its_first_byte(server: Server) -> None:
    assert refused(server, announcement(SIZE)) == "507 spool_full"


def test_no_upload_may_use_the_reserved_space(server: Server) -> None:
    assert refused(server, announcement(SIZE - KEPT_FREE + 1)) == "507 spool_full"
    assert requests.post(f"{server.url}/upload", data=b"x" * (SIZE - KEPT_FREE - MIB), timeout=30).status_code == 200


def test_second_of_two_uploads_that_fit_alone_but_not_together_is_refused(server: Server) -> None:
    size = 10 * MIB
    first = begin(server, size)
    wait_until(lambda: server.uploads() == 1, 30, lambda: "the upload has not started")
    with server.connect() as second:
        second.sendall(announcement(size))
        status, document, headers = answered(second)
    assert (status, document["code"]) == (507, "spool_full")
    assert int(headers["Retry-After"]) > 0
    assert "after what other uploads have announced" in document["message"]
    assert finish(first, size) == 200


def test_simultaneous_uploads_are_accepted_as_far_as_they_fit(server: Server) -> None:
    size = 4 * MIB
    with ThreadPoolExecutor(8) as senders:
        answers = list(
            senders.map(
                lambda _: requests.post(f"{server.url}/upload", data=b"x" * size, timeout=60).status_code, range(8)
            )
        )
    assert sorted(answers) == [200] * 3 + [507] * 5


def test_chunks_that_fill_the_disk_are_refused_in_the_middle_and_other_uploads_continue(server: Server) -> None:
    size = 8 * MIB
    beside = begin(server, size)
    wait_until(lambda: server.uploads() == 1, 30, lambda: "the upload has not started")
    with server.connect() as connection:
        connection.sendall(CHUNKED + b"%x\r\n" % SIZE)
        connection.sendall(b"x" * (SIZE - size))
        assert refusal(connection) == "507 spool_full"
    assert finish(beside, size) == 200


def test_a_disk_that_fills_up_during_an_upload(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(CHUNKED + b"%x\r\n" % (4 * MIB) + b"x" * MIB)
        wait_until(lambda: server.uploads() == 1, 30, lambda: "the upload has not started")
        fill(server.spool)
        connection.sendall(b"x" * 2 * MIB)
        assert refusal(connection) == "507 spool_full"
    empty(server.spool)


def test_a_full_disk_refuses_uploads_until_it_has_free_space(server: Server) -> None:
    fill(server.spool)
    assert refused(server, announcement(1)) == "507 spool_full"
    assert refused(server, CHUNKED + b"1\r\nx\r\n0\r\n\r\n") == "507 spool_full"
    empty(server.spool)
    assert requests.post(f"{server.url}/upload", data=b"x", timeout=30).status_code == 200
