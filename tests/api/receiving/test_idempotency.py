"""Uploads with an `Idempotency-Key`: sent again, each is answered with its first job, and nothing is kept of the second."""

import base64
import hashlib
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import requests

from tests.api.clients import answered
from tests.api.live_server import Server, execute, serving
from tools.waiting import wait_until

BODY = bytes(range(256)) * 10_000 + b"end"
OTHER = b"x" + BODY[1:]
DOCUMENT = b'[{"destinationTable": "Files", "source": "/data/a"}]'
USER = "X-Http-Authed-User"
numbers = count(1)


@pytest.fixture
def key() -> str:
    return f"key {next(numbers)} of {os.getpid()}"


def send(
    server: Server,
    key: str | None,
    body: bytes | Iterator[bytes] = BODY,
    path: str = "ingest",
    user: str | None = None,
    **headers: str,
) -> requests.Response:
    idempotency = {} if key is None else {"Idempotency-Key": f'"{key}"'}
    content_type = {"Content-Type": "application/json" if path == "move" else "application/octet-stream"}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    if user is not None:
        names[USER] = user
    return requests.post(
        f"{server.url}/{path}", data=body, headers={**content_type, **idempotency, **names}, timeout=60
    )


def refusal(answer: requests.Response) -> str:
    return f"{answer.status_code} {answer.json()['code']}"


def is_replayed(answer: requests.Response) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"


def keys(server: Server) -> int:
    return int(execute(server.database_url, "SELECT count(*) FROM idempotency_key")[0][0])


def blocks(body: bytes = BODY) -> Iterator[bytes]:
    return (body[start : start + 70_001] for start in range(0, len(body), 70_001))


def head(key: str, size: int, path: str = "ingest") -> bytes:
    lines = (
        f"POST /{path} HTTP/1.1",
        "Host: localhost",
        f'Idempotency-Key: "{key}"',
        f"Content-Length: {size}",
        "\r\n",
    )
    return "\r\n".join(lines).encode()


@contextmanager
def in_progress(server: Server, key: str) -> Iterator[socket.socket]:
    """Send the first bytes of an upload, and wait until they are in the spool."""
    before = server.files()
    with server.connect() as connection:
        connection.sendall(head(key, len(BODY)) + BODY[:100_000])
        wait_until(lambda: len(server.files()) > len(before), 30, lambda: "no file is written")
        yield connection


@pytest.mark.parametrize(("path", "body"), [("ingest", BODY), ("upload", BODY), ("move", DOCUMENT)])
class TestSentAgain:
    def test_same_body_is_answered_with_the_first_job(self, server: Server, key: str, path: str, body: bytes) -> None:
        first = send(server, key, body, path)
        assert (first.status_code, is_replayed(first)) == (200, False)
        with server.leaves_nothing():
            again = send(server, key, body, path)
        assert (again.status_code, is_replayed(again)) == (200, True)
        assert again.json() == first.json()

    def test_another_body_of_the_same_size_is_refused(self, server: Server, key: str, path: str, body: bytes) -> None:
        first = send(server, key, body, path)
        with server.leaves_nothing():
            answer = send(server, key, body[:-1] + b" ", path)
        assert refusal(answer) == "422 idempotency_key_reused"
        assert f"job {first.json()['job_id']}" in answer.json()["message"]

    def test_body_of_another_size_is_refused_before_it_is_read(
        self, server: Server, key: str, path: str, body: bytes
    ) -> None:
        send(server, key, body, path)
        with server.leaves_nothing(), server.connect() as connection:
            request = head(key, len(body) + 1, path).replace(b"Host:", b"Content-Type: application/json\r\nHost:")
            connection.sendall(request)
            status, document, _ = answered(connection)
        assert (status, document["code"]) == (422, "idempotency_key_reused")

    def test_another_user_has_other_keys(self, server: Server, key: str, path: str, body: bytes) -> None:
        first, second = (send(server, key, body, path, user) for user in ("ada", "bob"))
        assert first.json()["job_id"] != second.json()["job_id"]
        assert not is_replayed(second)

    def test_another_key_makes_another_job(self, server: Server, key: str, path: str, body: bytes) -> None:
        first, second = (send(server, each, body, path) for each in (key, f"{key}, another"))
        assert first.json()["job_id"] != second.json()["job_id"]


def test_both_addresses_of_bundles_share_their_keys(server: Server, key: str) -> None:
    first, again = send(server, key, path="ingest"), send(server, key, path="upload")
    assert (again.json(), is_replayed(again)) == (first.json(), True)


def test_key_of_a_bundle_cannot_be_that_of_a_move_document(server: Server, key: str) -> None:
    send(server, key, DOCUMENT, path="ingest")
    with server.leaves_nothing():
        assert refusal(send(server, key, DOCUMENT, path="move")) == "422 idempotency_key_reused"


def test_body_in_chunks_is_recognized(server: Server, key: str) -> None:
    first, again = send(server, key), send(server, key, blocks())
    assert (again.json(), is_replayed(again)) == (first.json(), True)
    assert refusal(send(server, key, blocks(OTHER))) == "422 idempotency_key_reused"


def test_first_answer_is_repeated_after_the_job_has_changed(server: Server, key: str) -> None:
    first = send(server, key).json()
    change = "UPDATE job SET updated = now() + interval '1 hour', outcome = 'catalogued', spool_name = '', size = 1"
    execute(server.database_url, f"{change} WHERE id = {first['job_id']} RETURNING 1")
    assert send(server, key).json() == first


def test_without_a_key_the_same_body_is_another_job(server: Server, key: str) -> None:
    before = keys(server)
    first, second = send(server, None), send(server, None)
    assert first.json()["job_id"] != second.json()["job_id"]
    assert "Idempotency-Replayed" not in second.headers
    assert keys(server) == before


class TestDigests:
    def test_damaged_body_that_is_sent_again_is_a_mismatch(self, server: Server, key: str) -> None:
        declared = {"Repr_Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(BODY).digest()).decode()}:"}
        send(server, key, BODY, **declared)
        assert refusal(send(server, key, OTHER, **declared)) == "400 digest_mismatch"
        assert is_replayed(send(server, key, BODY, **declared))

    def test_digest_of_the_stored_bytes_is_returned_again(self, server: Server, key: str) -> None:
        first, again = (send(server, key, Want_Repr_Digest="sha-512=1") for _ in range(2))
        assert is_replayed(again)
        assert again.headers["Repr-Digest"] == first.headers["Repr-Digest"]

    def test_refused_upload_frees_its_key(self, server: Server, key: str) -> None:
        before = keys(server)
        with server.leaves_nothing():
            answer = send(server, key, Repr_Digest=f"sha-256=:{base64.b64encode(bytes(32)).decode()}:")
        assert refusal(answer) == "400 digest_mismatch"
        assert keys(server) == before
        assert not is_replayed(send(server, key, OTHER))


class TestCutBody:
    def test_key_of_a_cut_body_is_free(self, server: Server, key: str) -> None:
        with server.leaves_nothing(), server.connect() as connection:
            connection.sendall(head(key, len(BODY)) + BODY[:-1])
            connection.shutdown(socket.SHUT_WR)
            assert answered(connection)[1]["code"] == "body_incomplete"
        assert send(server, key, OTHER).status_code == 200

    def test_body_that_is_sent_again_and_cut_is_incomplete(self, server: Server, key: str) -> None:
        send(server, key)
        with server.leaves_nothing(), server.connect() as connection:
            connection.sendall(head(key, len(BODY)) + BODY[:-1])
            connection.shutdown(socket.SHUT_WR)
            assert answered(connection)[1]["code"] == "body_incomplete"
        assert is_replayed(send(server, key))


class TestInProgress:
    def test_second_request_is_refused_before_its_body_is_read(self, server: Server, key: str) -> None:
        with in_progress(server, key) as first:
            with server.connect() as second:
                second.sendall(head(key, len(BODY)))
                status, document, headers = answered(second)
            assert (status, document["code"]) == (409, "idempotency_key_in_use")
            assert int(headers["Retry-After"]) > 0
            first.sendall(BODY[100_000:])
            assert first.recv(100).startswith(b"HTTP/1.1 200")
        assert is_replayed(send(server, key))

    def test_another_user_is_not_affected(self, server: Server, key: str) -> None:
        with in_progress(server, key):
            assert send(server, key, user="ada").status_code == 200

    def test_suspended_process_keeps_its_key(self, database_url: str, tmp_path: Path, key: str) -> None:
        with own_server(tmp_path, database_url) as (server, other), in_progress(server, key) as first:
            for worker in server.workers():
                os.kill(worker, signal.SIGSTOP)
            pass_time(server)
            assert refusal(send(other, key)) == "409 idempotency_key_in_use"
            for worker in server.workers():
                os.kill(worker, signal.SIGCONT)
            first.sendall(BODY[100_000:])
            assert first.recv(100).startswith(b"HTTP/1.1 200")

    def test_key_of_a_killed_process_can_be_used_immediately(self, database_url: str, tmp_path: Path, key: str) -> None:
        with own_server(tmp_path, database_url) as (server, other), in_progress(server, key):
            for worker in server.workers():
                os.kill(worker, signal.SIGKILL)
            wait_until(lambda: send(other, key).status_code == 200, 30, lambda: "the key stays in use")
            assert is_replayed(send(other, key))
            server.forget_uploads()


@contextmanager
def own_server(folder: Path, database_url: str) -> Iterator[tuple[Server, Server]]:
    """Run two servers that share their spool and database, as on two hosts."""
    spool = folder / "spool"
    spool.mkdir()
    with serving(spool, database_url) as server, serving(spool, database_url) as other:
        yield server, other


def pass_time(server: Server) -> None:
    """Let the uploads in progress be as old as those that cannot be about to create their file."""
    execute(server.database_url, "UPDATE upload SET started = started - interval '1 hour' RETURNING 1")


@pytest.mark.parametrize("path", ["ingest", "upload", "move"])
@pytest.mark.parametrize(
    "value",
    ["8e03978e-40d5-43e8-bc93-6894a57f9324", "token", "17", "1.5", "?1", ":AAAA:", "", '""', '"a", "b"', '"a', '"ä"',
     "('a')", f'"{"a" * 256}"'],
)  # fmt: skip
def test_malformed_key_is_refused_before_the_body_is_read(server: Server, path: str, value: str) -> None:
    lines = (f"POST /{path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", f"Idempotency-Key: {value}")
    with server.leaves_nothing(), server.connect() as connection:
        connection.sendall("\r\n".join((*lines, "Content-Length: 500000", "\r\n")).encode("latin-1"))
        status, document, _ = answered(connection)
    assert (status, document["code"]) == (400, "idempotency_key_invalid")
    assert "in double quotes" in document["message"]


@pytest.mark.parametrize("value", ['"a"', '"with \\"quotes\\" and \\\\"', '"a";parameter=1', f'"{"a" * 255}"', "' '"])
def test_every_quoted_key_is_accepted(server: Server, value: str) -> None:
    headers = {"Idempotency-Key": value.replace("'", '"'), USER: value[:20].replace('"', "")}
    first, again = (requests.post(f"{server.url}/ingest", data=b"x", headers=headers, timeout=30) for _ in range(2))
    assert first.status_code == 200, first.text
    assert again.json() == first.json()
