"""The bare receiver, the limit of the rows that receive: each part is answered when it is complete."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.systems.programs import running_server
from bench.systems.receiver import SIZES

SECONDS = 30


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[socket.socket]:
    with (
        running_server("bench.systems.receiver", str(tmp_path)) as address,
        socket.create_connection(address, SECONDS) as connection,
    ):
        yield connection


def test_file_in_one_part_has_one_answer(connection: socket.socket) -> None:
    connection.sendall(SIZES.pack(5, 5) + b"12345")
    assert connection.recv(1) == b"."
    assert connection.recv(1) == b""


def test_each_part_is_answered_before_the_next_is_sent(connection: socket.socket) -> None:
    connection.sendall(SIZES.pack(5, 2))
    for part in (b"12", b"34", b"5"):
        connection.sendall(part)
        assert connection.recv(1) == b"."
    assert connection.recv(1) == b""
