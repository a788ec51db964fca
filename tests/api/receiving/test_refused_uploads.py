"""Bodies that are refused: the answer has a reason, no file remains in the spool, and no job in the database."""

import io
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from ingest.settings.loading import Settings
from tests.api.clients import CHUNKED, POST, answered
from tests.api.live_server import NOWHERE, Server, serving
from tools.waiting import wait_until

TEN_TERABYTES = 10 * 2**40


@pytest.fixture
def nothing_stays(server: Server) -> Iterator[None]:
    files, jobs = server.files(), set(server.rows())
    yield
    assert server.files() == files
    assert set(server.rows()) == jobs


@pytest.fixture(scope="module")
def impatient_server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    spool = tmp_path_factory.mktemp("impatient") / "spool"
    spool.mkdir()
    with serving(spool, database_url, INGEST_RECEIVE_TIMEOUT=0.5) as server:
        yield server


def send(server: Server, *, request: bytes, half_close: bool = True) -> tuple[str, str]:
    """Send a request; return status and code of the answer, and its message."""
    with server.connect() as connection:
        connection.sendall(request)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        status, document, _ = answered(connection)
        return f"{status} {document['code']}", document["message"]


@pytest.mark.usefixtures("nothing_stays")
class TestBody:
    def test_a_body_shorter_than_announced(self, server: Server) -> None:
        request = POST + b"Content-Length: 3000000\r\n\r\n" + b"x" * 2_000_000
        message = "3000000 bytes were announced, but 2000000 were received; send it again"
        assert send(server, request=request) == ("400 body_incomplete", message)

    def test_an_announced_body_that_never_comes(self, server: Server) -> None:
        assert send(server, request=POST + b"Content-Length: 10\r\n\r\n")[0] == "400 body_incomplete"

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="no chunk at all"),
            pytest.param(b"5\r\nhel", id="in a chunk"),
            pytest.param(b"5\r\nhello", id="before the end of a chunk"),
            pytest.param(b"5\r\nhello\r\n", id="before the last chunk"),
            pytest.param(b"5\r\nhello\r\n0\r\n", id="before the end of the last chunk"),
            pytest.param(b"200000\r\n" + b"x" * 1_500_000, id="in a chunk of more than a block"),
        ],
    )
    def test_a_chunked_body_that_is_cut(self, server: Server, body: bytes) -> None:
        status, message = send(server, request=CHUNKED + body)
        assert (status, "ended too early" in message) == ("400 body_incomplete", True)

    @pytest.mark.parametrize("body", [b"5\r\nhello_\r\n0\r\n\r\n", b"nonsense\r\nhello\r\n", b"-5\r\nhello\r\n"])
    def test_a_malformed_chunk(self, server: Server, body: bytes) -> None:
        status, message = send(server, request=CHUNKED + body)
        assert (status, "chunks are malformed" in message) == ("400 body_incomplete", True)

    def test_a_connection_that_is_reset(self, server: Server) -> None:
        before = server.files()
        with server.connect() as connection:
            connection.sendall(POST + b"Content-Length: 3000000\r\n\r\n" + b"x" * 2_000_000)
            wait_until(lambda: len(server.files()) > len(before), 30, lambda: "no file is written")
            # Closed with an RST instead of a FIN.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_until(lambda: server.files() == before, 30, lambda: f"{server.files()} remain")

    @pytest.mark.parametrize(
        "request_start", [POST + b"Content-Length: 10\r\n\r\nabc", CHUNKED, CHUNKED + b"5\r\nhello\r\n5\r\nab"]
    )
    def test_a_stalled_body(self, impatient_server: Server, request_start: bytes) -> None:
        refusal = (
            "408 upload_too_slow",
            "less than 1024 bytes a second arrived in 0.5 seconds; send it again over a faster connection",
        )
        with impatient_server.leaves_nothing():
            assert send(impatient_server, request=request_start, half_close=False) == refusal

    @pytest.mark.parametrize(
        "request_end", [b"Content-Length: 0\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]
    )
    @pytest.mark.parametrize("path", [b"upload", b"ingest", b"move"])
    def test_an_empty_body(self, server: Server, request_end: bytes, path: bytes) -> None:
        request = b"POST /" + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + request_end
        assert send(server, request=request) == ("400 body_incomplete", "nothing was sent")

    @pytest.mark.parametrize("path", [b"upload", b"ingest", b"move"])
    def test_no_length(self, server: Server, path: bytes) -> None:
        request = b"POST /" + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n"
        assert send(server, request=request)[0] == "411 length_required"

    def test_a_body_with_an_unsupported_transfer_coding(self, server: Server) -> None:
        request = POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        assert send(server, request=request)[0] == "501 transfer_coding_unsupported"

    @pytest.mark.parametrize("content_type", [b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=b"])
    @pytest.mark.parametrize("path", [b"upload", b"ingest", b"move"])
    def test_a_form(self, server: Server, content_type: bytes, path: bytes) -> None:
        head = b"POST /" + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + content_type
        assert send(server, request=head + b"\r\nContent-Length: 3\r\n\r\na=b")[0] == "415 content_type_unsupported"

    def test_an_upload_larger_than_the_disk_is_refused_before_it_is_sent(self, server: Server) -> None:
        request = POST + f"Content-Length: {TEN_TERABYTES}\r\n\r\n".encode()
        status, message = send(server, request=request, half_close=False)
        assert (status, "has no space" in message) == ("507 spool_full", True)


def move(body: bytes, content_type: str = "application/json") -> bytes:
    head = (
        f"POST /move HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@pytest.mark.usefixtures("nothing_stays")
class TestMove:
    @pytest.mark.parametrize("content_type", ["application/octet-stream", "text/plain", "", "text/json5"])
    def test_another_content_type(self, server: Server, content_type: str) -> None:
        assert send(server, request=move(b"[{}]", content_type))[0] == "415 content_type_unsupported"

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"[{]", "not valid JSON"),
            (b"not json", "must be a JSON list of objects"),
            (b"[]", "is an empty list"),
            (b"{}", "must be a JSON list of objects"),
            (b'{"item": {}}', "must be a JSON list of objects"),
            (b"[{}, 5]", "entry 1: it must be an object"),
        ],
    )
    def test_a_document_that_is_not_a_list_of_objects(self, server: Server, body: bytes, reason: str) -> None:
        status, message = send(server, request=move(body))
        assert (status, reason in message) == ("400 metadata_invalid", True)

    def test_a_document_that_is_announced_as_too_large(self, server: Server) -> None:
        head = b"POST /move HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        request = head + f"Content-Length: {2**30 + 1}\r\n\r\n".encode()
        assert send(server, request=request, half_close=False)[0] == "413 document_too_large"


class TestServiceUnavailable:
    """503, and nothing is read: the body of these requests is never sent."""

    def refusal(self, app: Flask) -> str:
        answer = app.test_client().post("/upload", input_stream=Unread(b"x"))
        assert answer.status_code == 503
        assert answer.json is not None
        return str(answer.json["message"])

    def test_uniqueid_is_unavailable(self, settings: Settings, make_app: Callable[..., Flask]) -> None:
        app = make_app(replace_setting(settings, uniqueid_url=NOWHERE))
        assert NOWHERE in self.refusal(app)

    def test_the_database_is_unavailable(self, settings: Settings, make_app: Callable[..., Flask]) -> None:
        app = make_app(replace_setting(settings, database_url="postgresql://nobody@127.0.0.1:1/none"))
        assert "database of jobs is not available" in self.refusal(app)

    def test_the_spool_is_missing(self, settings: Settings, make_app: Callable[..., Flask]) -> None:
        app = make_app(replace_setting(settings, volume_path=Path("/nowhere/at/all")))
        assert "the spool /nowhere/at/all cannot be written" in self.refusal(app)


class Unread(io.BytesIO):
    def read(self, _size: int | None = -1, /) -> bytes:
        raise AssertionError("the body was read")


def replace_setting(settings: Settings, **changed: object) -> Settings:
    return settings.model_copy(update=changed)
