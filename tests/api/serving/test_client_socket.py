"""Bytes that a client does not read are kept in order, up to a limit; sending never waits."""

import os
import socket
import time
from collections.abc import Iterator

import pytest

from api.serving.client_socket import BUFFERS, MAX_UNSENT_BYTES, ClientSocket


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


def test_what_is_collected_is_sent_at_the_end_of_the_block(ends: tuple[ClientSocket, socket.socket]) -> None:
    client, theirs = ends
    theirs.setblocking(False)
    with client.collecting():
        for part in (b"a head, ", b"", b"a body"):
            client.sendall(part)
        with pytest.raises(BlockingIOError):
            theirs.recv(100)
    assert theirs.recv(100) == b"a head, a body"
    assert client.unsent_bytes == 0
    client.sendall(b"next")
    assert theirs.recv(100) == b"next"


def test_what_is_collected_in_more_parts_than_one_system_call_sends(ends: tuple[ClientSocket, socket.socket]) -> None:
    client, theirs = ends
    parts = [str(number).encode() for number in range(3 * BUFFERS)]
    with client.collecting():
        for part in parts:
            client.sendall(part)
    assert theirs.recv(65536) == b"".join(parts)


def test_sending_does_not_wait_with_any_timeout(ends: tuple[ClientSocket, socket.socket]) -> None:
    client, _ = ends
    for timeout in (None, 30.0, 0.0):
        client.settimeout(timeout)
        begun = time.monotonic()
        client.sendall(bytes(1_000_000))
        assert client.unsent_bytes > 0
        assert time.monotonic() - begun < 15


def test_client_that_leaves_while_its_answer_is_collected_is_an_error(ends: tuple[ClientSocket, socket.socket]) -> None:
    client, theirs = ends
    theirs.close()
    with pytest.raises(OSError, match=r"pipe|reset"), client.collecting():
        client.sendall(b"an answer")
    assert not client.collects
