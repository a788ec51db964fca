"""Bytes that a client does not read are kept in order, up to a limit; sending never waits."""

import os
import socket
from collections.abc import Iterator

import pytest

from api.serving.client_socket import MAX_UNSENT_BYTES, ClientSocket


@pytest.fixture
def ends() -> Iterator[tuple[ClientSocket, socket.socket]]:
    """Yield the server's end of a connection and the client's."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(30)
    with theirs, ClientSocket(fileno=ours.detach()) as client:
        yield client, theirs


def test_answer_that_is_not_read_is_kept_and_sent_completely_later(ends: tuple[ClientSocket, socket.socket]) -> None:
    client, theirs = ends
    parts: list[bytes | bytearray] = [
        b"a head",
        os.urandom(3_000_000),
        bytearray(os.urandom(1_000_000)),
        b"",
        b"an end",
    ]
    for part in parts:
        client.sendall(part)
    assert client.unsent_bytes > 1_000_000
    received = b""
    while client.unsent_bytes:
        received += theirs.recv(65536)
        client.send_unsent()
    client.shutdown(socket.SHUT_WR)
    received += b"".join(iter(lambda: theirs.recv(65536), b""))
    assert received == b"".join(parts)


def test_answer_that_is_read_leaves_nothing(ends: tuple[ClientSocket, socket.socket]) -> None:
    client, theirs = ends
    client.sendall(b"short")
    assert client.unsent_bytes == 0
    assert theirs.recv(100) == b"short"


def test_more_than_the_largest_answer_is_not_kept(ends: tuple[ClientSocket, socket.socket]) -> None:
    client, _ = ends
    client.sendall(bytes(MAX_UNSENT_BYTES // 2))
    with pytest.raises(ConnectionResetError):
        client.sendall(bytes(MAX_UNSENT_BYTES))


def test_disconnected_client_is_an_error(ends: tuple[ClientSocket, socket.socket]) -> None:
    client, theirs = ends
    client.sendall(bytes(3_000_000))
    theirs.close()
    with pytest.raises(OSError, match=r"pipe|reset"):
        client.send_unsent()
