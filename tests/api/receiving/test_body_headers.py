"""Headers that would change the meaning of a body: refused with advice before the body is read."""

import socket

import pytest
import requests

from tests.api.clients import POST, answered
from tests.api.live_server import Server

PATHS = ("upload", "ingest", "move")
CONTINUE = b"HTTP/1.1 100 Continue"


def head(path: str, *headers: str) -> bytes:
    """Return the head of a POST whose body is never sent."""
    lines = (
        f"POST /{path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Content-Length: 500000", *headers
    )  # fmt: skip
    return "\r\n".join((*lines, "\r\n")).encode()


def refused_unread(server: Server, request: bytes) -> tuple[str, str, dict[str, str]]:
    """Send a head; return the code, text and headers of an answer that did not wait for the body."""
    with server.leaves_nothing(), server.connect() as connection:
        connection.sendall(request)
        assert connection.recv(len(CONTINUE), socket.MSG_PEEK) != CONTINUE
        status, document, headers = answered(connection)
        return f"{status} {document['code']}", document["message"], headers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)], ids=["plain", "expecting"])
@pytest.mark.parametrize(
    "encoding", ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "aws-chunked", "identity, gzip"]
)
def test_body_with_a_content_encoding_is_refused_before_it_is_read(
    server: Server, path: str, expect: tuple[str, ...], encoding: str
) -> None:
    code, message, headers = refused_unread(server, head(path, f"Content-Encoding: {encoding}", *expect))
    assert code == "415 content_encoding_unsupported"
    assert "send the file as it is, without Content-Encoding" in message
    # The encoding that would be accepted (RFC 9110, 15.5.16).
    assert headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("encoding", ["identity", "Identity", "", "identity, identity"])
def test_content_encoding_without_effect_is_accepted(server: Server, encoding: str) -> None:
    answer = requests.post(f"{server.url}/upload", data=b"x", headers={"Content-Encoding": encoding}, timeout=30)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)], ids=["plain", "expecting"])
@pytest.mark.parametrize(
    "header",
    [
        "Content-Range: bytes 500000-999999/1000000",
        "Content-Range: bytes 0-499999/500000",
        "Content-Range: bytes 0-499999/*",
        "Upload-Offset: 500000",
        "Upload-Incomplete: ?1",
    ],
)
def test_partial_body_is_never_accepted_as_a_bundle(
    server: Server, path: str, expect: tuple[str, ...], header: str
) -> None:
    code, message, _ = refused_unread(server, head(path, header, *expect))
    assert (code, header.partition(":")[0] in message) == ("400 part_not_taken", True)
    assert "partial bodies are not supported; send the whole file" in message


def test_move_document_in_parts_is_refused(server: Server) -> None:
    code, message, _ = refused_unread(server, head("move", "Upload-Complete: ?0"))
    assert (code, "Upload-Complete" in message) == ("400 part_not_taken", True)


@pytest.mark.parametrize("header", [{"Upload-Complete": "?1"}, {"Upload-Incomplete": "?0"}, {"Range": "bytes=0-3"}])
def test_header_that_marks_a_whole_body_is_accepted(server: Server, header: dict[str, str]) -> None:
    assert requests.post(f"{server.url}/upload", data=b"x", headers=header, timeout=30).status_code == 200


def test_range_is_ignored_where_it_is_not_supported(server: Server) -> None:
    answer = requests.get(server.url, headers={"Range": "bytes=0-3"}, timeout=30)
    assert (answer.status_code, answer.json()) == (200, {"message": "Pacifica Ingest Up and Running"})


LENGTH, CHUNKS = b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"
HTTP_1_0 = POST.replace(b"HTTP/1.1", b"HTTP/1.0")


@pytest.mark.parametrize(
    ("request_start", "advice"),
    [
        pytest.param(POST + CHUNKS + LENGTH, "send one of them", id="a length beside chunks"),
        pytest.param(POST + LENGTH + CHUNKS, "send one of them", id="chunks beside a length"),
        pytest.param(HTTP_1_0 + CHUNKS, "use HTTP/1.1 or send a Content-Length", id="chunks in HTTP/1.0"),
        pytest.param(HTTP_1_0 + CHUNKS + LENGTH, "use HTTP/1.1 or send a Content-Length", id="both in HTTP/1.0"),
        pytest.param(POST + LENGTH + LENGTH, "send it once", id="two lengths"),
        pytest.param(POST + b"Content-Length: 5, 5\r\n", "the number of bytes in digits", id="two lengths in one"),
        pytest.param(POST + b"Content-Length: -1\r\n", "the number of bytes in digits", id="a negative length"),
        pytest.param(POST + b"Content-Length: +5\r\n", "the number of bytes in digits", id="a sign"),
        pytest.param(POST + b"Content-Length: 1e3\r\n", "the number of bytes in digits", id="an exponent"),
        pytest.param(POST + b"Content-Length:\r\n", "the number of bytes in digits", id="a length of nothing"),
        pytest.param(POST + "Content-Length: ²\r\n".encode("latin-1"), "the number of bytes in digits", id="a power"),
        pytest.param(POST + CHUNKS + CHUNKS, "name chunked once, and last", id="chunks twice"),
        pytest.param(
            POST + b"Transfer-Encoding: chunked, chunked\r\n", "name chunked once, and last", id="twice in one"
        ),
        pytest.param(
            POST + b"Transfer-Encoding: chunked, gzip\r\n", "name chunked once, and last", id="packed outside"
        ),
        pytest.param(POST + b"Transfer-Encoding: gzip\r\n", "name chunked once, and last", id="packed, without an end"),
        pytest.param(POST + b"Transfer-Encoding: identity\r\n" + LENGTH, "name chunked once, and last", id="no coding"),
        pytest.param(POST + b"Transfer-Encoding:\r\n", "name chunked once, and last", id="a coding of nothing"),
    ],
)
def test_body_with_an_invalid_or_contradictory_length_is_refused_with_advice(
    server: Server, request_start: bytes, advice: str
) -> None:
    code, message, headers = refused_unread(server, request_start + b"Expect: 100-continue\r\n\r\n")
    assert (code, advice in message) == ("400 length_invalid", True), message
    assert headers["Connection"] == "close"


@pytest.mark.parametrize("body", ["multipart/mixed", "multipart/byteranges; boundary=b", "multipart/related"])
def test_multipart_body_is_refused(server: Server, body: str) -> None:
    with server.leaves_nothing():
        answer = requests.post(f"{server.url}/upload", data=b"x", headers={"Content-Type": body}, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (415, "content_type_unsupported")
