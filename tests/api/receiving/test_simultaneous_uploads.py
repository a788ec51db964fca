"""The number of simultaneous uploads is limited; clients that stall keep their slots."""

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.api.clients import STALLED, answered, connected, refusal
from tests.api.live_server import Server, serving_alone
from tools.waiting import wait_until

SIMULTANEOUS = 3


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"INGEST_UPLOADS_AT_ONCE": SIMULTANEOUS, "INGEST_RECEIVE_TIMEOUT": 300}
    with serving_alone(tmp_path_factory.mktemp("simultaneous"), database_url, **settings) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_stays(server: Server) -> Iterator[None]:
    with server.leaves_nothing():
        yield


@pytest.fixture
def stalled(server: Server) -> Iterator[list[socket.socket]]:
    """Yield as many stalled uploads as the limit permits, each with its slot."""
    with connected(server, SIMULTANEOUS, STALLED) as connections:
        wait_until(lambda: server.uploads() == SIMULTANEOUS, 30, lambda: f"only {server.uploads()} uploads began")
        yield connections


def has_free_slot(server: Server) -> bool:
    """Return whether an upload gets a slot: one that ends too early is answered with 400, not 503."""
    try:
        with server.connect() as connection:
            connection.sendall(STALLED)
            connection.shutdown(socket.SHUT_WR)
            return refusal(connection) == "400 body_incomplete"
    except OSError:
        return False


def test_one_upload_beyond_the_limit_is_refused_with_retry_after(server: Server, stalled: list[socket.socket]) -> None:
    with server.connect() as connection:
        connection.sendall(STALLED)
        status, document, headers = answered(connection)
    assert (status, document["code"]) == (503, "too_many_uploads")
    assert int(headers["Retry-After"]) > 0


def test_a_slot_is_released_when_its_client_disconnects(server: Server, stalled: list[socket.socket]) -> None:
    assert not has_free_slot(server)
    stalled[0].close()
    wait_until(lambda: has_free_slot(server), 30, lambda: "no slot is released")


def test_the_slots_of_a_process_that_is_killed_are_free_again(server: Server, stalled: list[socket.socket]) -> None:
    for worker in server.workers():
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: has_free_slot(server), 30, lambda: "no slot is released")
    server.forget_uploads()
