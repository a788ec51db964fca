"""The limits of uploads, on a server with small ones: each has its code, and nothing is left behind."""

import socket
import time
from collections.abc import Iterator
from threading import Thread

import pytest
import requests

from tests.api.clients import CHUNKED, POST, STALLED, drip, refusal, refused
from tests.api.live_server import Server, serving_alone

LARGEST = 100_000
TIMEOUT = 2.0
SLOWEST = 1000
ENOUGH_SECONDS = 30.0
EXPECT = b"Expect: 100-continue\r\n"


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    limits = {
        "INGEST_LARGEST_BUNDLE": LARGEST,
        "INGEST_RECEIVE_TIMEOUT": TIMEOUT,
        "INGEST_SLOWEST_UPLOAD": SLOWEST,
    }
    with serving_alone(tmp_path_factory.mktemp("limits"), database_url, **limits) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_stays(server: Server) -> Iterator[None]:
    with server.leaves_nothing():
        yield


def chunks(size: int) -> bytes:
    return b"%x\r\n%b\r\n" % (size, b"x" * size)


class TestLargestBundle:
    def test_a_length_that_is_too_large_is_refused_before_the_body(self, server: Server) -> None:
        request = POST + f"Content-Length: {LARGEST + 1}\r\n\r\n".encode()
        assert refused(server, request) == "413 bundle_too_large"

    def test_chunks_that_become_too_large_are_refused_in_the_middle(self, server: Server) -> None:
        assert refused(server, CHUNKED + chunks(LARGEST) + chunks(1)) == "413 bundle_too_large"

    def test_a_client_that_sends_everything_before_it_reads_gets_the_answer(self, server: Server) -> None:
        def body() -> Iterator[bytes]:
            for _ in range(100):
                yield b"x" * 1_000_000

        answer = requests.post(f"{server.url}/upload", data=body(), timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (413, "bundle_too_large")


class TestSlowestUpload:
    @pytest.mark.parametrize("start", [POST + b"Content-Length: 5000\r\n\r\n", CHUNKED + b"5000\r\n"])
    def test_an_upload_of_single_bytes_at_long_intervals_is_too_slow(self, server: Server, start: bytes) -> None:
        begun = time.monotonic()
        with server.connect() as connection:
            connection.sendall(start)
            dripping = Thread(target=drip, args=(connection, 0.1, lambda: time.monotonic() > begun + ENOUGH_SECONDS))
            dripping.start()
            assert refusal(connection) == "408 upload_too_slow"
            connection.shutdown(socket.SHUT_RDWR)
            dripping.join()
            # The server cut the connection; the client had not finished.
            assert time.monotonic() - begun < ENOUGH_SECONDS

    def test_an_upload_that_sends_nothing_is_too_slow(self, server: Server) -> None:
        assert refused(server, STALLED) == "408 upload_too_slow"


class TestExpect:
    """The 100 is sent when the body is read, so a client that waits for it does not send a refused body."""

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            (f"Content-Length: {LARGEST + 1}\r\n".encode(), "413 bundle_too_large"),
            (b"", "411 length_required"),
            (b"Content-Length: 9\r\nContent-Type: multipart/form-data; boundary=b\r\n", "415 content_type_unsupported"),
            (b"Transfer-Encoding: gzip, chunked\r\n", "501 transfer_coding_unsupported"),
        ],
    )
    def test_a_body_that_the_headers_rule_out_gets_no_100(self, server: Server, headers: bytes, code: str) -> None:
        # `answered` skips a 100, so the first bytes are checked here.
        with server.connect() as connection:
            connection.sendall(POST + EXPECT + headers + b"\r\n")
            assert connection.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 " + code[:3].encode()
            assert refusal(connection) == code

    def test_an_accepted_body_is_requested_with_a_100(self, server: Server) -> None:
        with server.connect() as connection:
            connection.sendall(POST + EXPECT + b"Content-Length: 5\r\n\r\n")
            assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            # The client does not send the body after all.
            connection.shutdown(socket.SHUT_WR)
            assert refusal(connection) == "400 body_incomplete"
