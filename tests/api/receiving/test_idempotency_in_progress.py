"""A second request with the `Idempotency-Key` of an upload that is still being received, or whose process is dead."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.api.clients import answered
from tests.api.live_server import Server, execute
from tests.api.receiving.keyed_uploads import BODY, USER, head, is_replayed, refusal, send, serving_two
from tools.waiting import wait_until


@contextmanager
def in_progress(server: Server, key: str) -> Iterator[socket.socket]:
    """Send the first bytes of an upload, and wait until they are in the spool."""
    before = server.files()
    with server.connect() as connection:
        connection.sendall(head(key, len(BODY)) + BODY[:100_000])
        wait_until(lambda: len(server.files()) > len(before), 30, lambda: "no file is written")
        yield connection


def pass_time(server: Server) -> None:
    """Let the uploads in progress be as old as those that cannot be about to create their file."""
    execute(server.database_url, "UPDATE upload SET started = started - interval '1 hour' RETURNING 1")


def test_second_request_is_refused_before_its_body_is_read(server: Server, key: str) -> None:
    with in_progress(server, key) as first:
        with server.connect() as second:
            second.sendall(head(key, len(BODY)))
            status, document, headers = answered(second)
        assert (status, document["code"]) == (409, "idempotency_key_in_use")
        assert int(headers["Retry-After"]) > 0
        first.sendall(BODY[100_000:])
        assert first.recv(100).startswith(b"HTTP/1.1 200")
    assert is_replayed(send(server, key))


def test_another_user_is_not_affected(server: Server, key: str) -> None:
    with in_progress(server, key):
        assert send(server, key, headers={USER: "ada"}).status_code == 200


def test_suspended_process_keeps_its_key(database_url: str, tmp_path: Path, key: str) -> None:
    with serving_two(tmp_path, database_url) as (server, other), in_progress(server, key) as first:
        for worker in server.workers():
            os.kill(worker, signal.SIGSTOP)
        pass_time(server)
        assert refusal(send(other, key)) == "409 idempotency_key_in_use"
        for worker in server.workers():
            os.kill(worker, signal.SIGCONT)
        first.sendall(BODY[100_000:])
        assert first.recv(100).startswith(b"HTTP/1.1 200")


def test_key_of_a_killed_process_can_be_used_immediately(database_url: str, tmp_path: Path, key: str) -> None:
    with serving_two(tmp_path, database_url) as (server, other), in_progress(server, key):
        for worker in server.workers():
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: send(other, key).status_code == 200, 30, lambda: "the key stays in use")
        assert is_replayed(send(other, key))
        server.forget_uploads()
