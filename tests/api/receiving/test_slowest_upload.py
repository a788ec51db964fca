"""The slowest rate grows with the announced size: an upload that reserves much space must be fast."""

import socket
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from tests.api.clients import POST, drip
from tests.api.live_server import Server, serving_alone

MIB = 1024**2
SETTINGS = {"INGEST_SLOWEST_UPLOAD": 1, "INGEST_LONGEST_UPLOAD": 100, "INGEST_RECEIVE_TIMEOUT": 10}


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_alone(tmp_path_factory.mktemp("slowest"), database_url, **SETTINGS) as server:
        yield server


def drip_bundle(server: Server, size: int) -> str:
    """Announce a bundle, send ten bytes a second, and return the status of the answer."""
    ended = Event()
    with server.connect() as connection:
        connection.settimeout(120)
        connection.sendall(POST + f"Content-Length: {size}\r\n\r\n".encode())
        dripping = Thread(target=drip, args=(connection, 0.1, ended.is_set))
        dripping.start()
        try:
            return connection.recv(65536).split()[1].decode()
        finally:
            ended.set()
            connection.shutdown(socket.SHUT_RDWR)
            dripping.join()


def test_a_large_bundle_is_refused_and_a_small_one_accepted_at_the_same_slow_rate(server: Server) -> None:
    assert drip_bundle(server, 100 * MIB) == "408"
    assert drip_bundle(server, 100) == "200"
