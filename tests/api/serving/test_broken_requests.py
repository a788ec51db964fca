"""Malformed HTTP is answered in JSON as every other error, and ends the connection."""

import json
import socket
import struct

import pytest

from tests.api.clients import CHUNKED, GET, POST, answered, refused
from tests.api.live_server import Server


@pytest.mark.parametrize(
    ("request_start", "answer"),
    [
        pytest.param(b"nonsense\r\n\r\n", "400 bad_request", id="no request line"),
        pytest.param(b"\r\n\r\n", "400 bad_request", id="nothing before the end"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", "400 bad_request", id="another HTTP"),
        pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", "400 bad_request", id="no header"),
        pytest.param(b"GET / HTTP/1.1\r\nNa me: x\r\n\r\n", "400 bad_request", id="no name of a header"),
        pytest.param(b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "400 bad_request", id="a header on two lines"),
        pytest.param(b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", "414 address_too_long", id="a long address"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"x" * 9000 + b"\r\n\r\n", "431 headers_too_large", id="a long header"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", "431 headers_too_large", id="many headers"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"x" * 70_000, "431 headers_too_large", id="headers without an end"),
        pytest.param(POST + b"Expect: a miracle\r\n\r\n", "417 expectation_unsupported", id="another expectation"),
        pytest.param(POST + b"Content-Length: -1\r\n\r\n", "400 length_invalid", id="a negative length"),
        pytest.param(POST + b"Content-Length: 1e3\r\n\r\n", "400 length_invalid", id="a length that is no number"),
        pytest.param(POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "400 length_invalid", id="two lengths"),
        pytest.param(CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n", "400 length_invalid", id="a length and chunks"),
        pytest.param(POST + b"Transfer-Encoding: gzip\r\n\r\n", "400 length_invalid", id="packed, without an end"),
        pytest.param(
            POST + b"Transfer-Encoding: magic\r\n\r\n", "501 transfer_coding_unsupported", id="unknown coding"
        ),
    ],
)
def test_a_broken_request(server: Server, request_start: bytes, answer: str) -> None:
    assert refused(server, request_start) == answer


def test_bytes_after_the_announced_length_are_not_part_of_the_bundle(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 3\r\n\r\nabcdef\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    answers = received.split(b"HTTP/1.1 ")[1:]
    # The bytes after the body are parsed as the next request.
    assert [answer[:3] for answer in answers] == [b"200", b"400"]
    job = json.loads(answers[0].partition(b"\r\n\r\n")[2])
    assert server.rows()[job["job_id"]]["size"] == 3


def test_a_client_that_disconnects_before_its_answer_affects_no_other_client(server: Server) -> None:
    for _ in range(20):
        with server.connect() as connection:
            connection.sendall(GET)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with server.connect() as connection:
        connection.sendall(GET)
        assert connection.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    ("request_start", "advice"),
    [
        pytest.param(b"nonsense\r\n\r\n", "begin with METHOD /path HTTP/1.1", id="no request line"),
        pytest.param(b"get / HTTP/1.1\r\n\r\n", "a method in capitals", id="no method"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", "use HTTP/1.1", id="another HTTP"),
        pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", "as Name: value on a line of its own", id="no header"),
        pytest.param(b"GET / HTTP/1.1\r\nNa me: x\r\n\r\n", "letters, digits and hyphens", id="no name of a header"),
        pytest.param(b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "each header on one line", id="a header on two lines"),
        pytest.param(GET[:-2] + b"Host: b\r\n\r\n", "send each header once", id="two hosts"),
        pytest.param(POST + b"Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n", "each header once", id="two types"),
        pytest.param(POST + b"Expect: a miracle\r\n\r\n", "leave Expect out", id="another expectation"),
        pytest.param(GET.replace(b"/", b"/" + b"x" * 5000, 1), "a shorter address", id="a long address"),
        pytest.param(GET[:-2] + b"A: b\r\n" * 101 + b"\r\n", "fewer or shorter headers", id="many headers"),
    ],
)
def test_answer_to_a_malformed_request_has_advice(server: Server, request_start: bytes, advice: str) -> None:
    with server.connect() as connection:
        connection.sendall(request_start)
        _, document, headers = answered(connection)
    assert advice in document["message"]
    assert headers["X-Content-Type-Options"] == "nosniff"
