"""Small files are sent to ArchiveInterface ahead of the answers, each verified, over one connection."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from ingest.errors.types import FenceLost, ServiceUnavailable
from ingest.services.archive import PacificaArchive
from ingest.services.archive_pipeline import MAX_BYTES
from ingest.services.http_client import HttpClient
from ingest.services.outgoing_file import OutgoingFile
from tests.services.bodies import FailingBody
from tests.services.conftest import TRANSFER_SIZE, MakeClient
from tests.services.scripted_server import Handler, Script, ScriptedServer, failure, hang_up, reply
from tests.services.test_archive import NOT_HELD, NOT_READABLE

DEPTH = 4
WAIT_SECONDS = 30


@pytest.fixture
def archive(client: HttpClient) -> PacificaArchive:
    return PacificaArchive(client, TRANSFER_SIZE, sent_ahead=DEPTH)


def nothing() -> None:
    """Do nothing before a PUT."""


def content_of(number: int) -> bytes:
    return b"%d" % number * 100


def outgoing(*numbers: int) -> Iterator[OutgoingFile]:
    for number in numbers:
        yield OutgoingFile(number, io.BytesIO(content_of(number)), len(content_of(number)))


def answers(*numbers: int) -> list[Script]:
    """Return the answers to the PUT and the HEAD of each file."""
    sizes = [str(len(content_of(number))) for number in numbers]
    return [script for size in sizes for script in (reply(201, {}), reply(204, X_Content_Length=size))]


def requests(server: ScriptedServer) -> list[tuple[str, str]]:
    return [(received.method, received.path) for received in server.received]


def test_each_file_is_stored_and_its_size_requested_over_one_connection(
    server: ScriptedServer, archive: PacificaArchive
) -> None:
    numbers = range(1, 11)
    server.then(*answers(*numbers))
    assert list(archive.put_all(outgoing(*numbers), nothing)) == [len(content_of(number)) for number in numbers]
    assert requests(server) == [(method, f"/{number}") for number in numbers for method in ("PUT", "HEAD")]
    puts = [received for received in server.received if received.method == "PUT"]
    assert [received.body for received in puts] == [content_of(number) for number in numbers]
    assert {received.headers["content-type"] for received in puts} == {"application/octet-stream"}
    assert len({received.connection for received in server.received}) == 1


def test_no_file_and_an_empty_file_are_stored(server: ScriptedServer, archive: PacificaArchive) -> None:
    assert list(archive.put_all([], nothing)) == []
    server.then(reply(201, {}), reply(204, X_Content_Length="0"))
    assert list(archive.put_all([OutgoingFile(7, io.BytesIO(), 0)], nothing)) == [0]
    assert server.received[0].headers["content-length"] == "0"


def test_files_are_sent_before_the_first_is_answered_but_not_more_than_allowed(
    server: ScriptedServer, archive: PacificaArchive
) -> None:
    taken: list[int] = []
    ahead = threading.Event()

    def files() -> Iterator[OutgoingFile]:
        for file in outgoing(*range(1, 11)):
            taken.append(file.file_id)
            if len(taken) == DEPTH:
                ahead.set()
            yield file

    def first(handler: Handler) -> None:
        assert ahead.wait(WAIT_SECONDS)
        reply(201, {})(handler)

    server.then(first, *answers(*range(1, 11))[1:])
    received = 0
    for _size in archive.put_all(files(), nothing):
        received += 1
        assert len(taken) <= received + DEPTH
    assert received == 10


def test_with_a_depth_of_one_each_request_waits_for_the_answer_before(
    server: ScriptedServer, client: HttpClient
) -> None:
    server.then(*answers(1, 2))
    taken = []
    for size, file in zip(
        PacificaArchive(client, TRANSFER_SIZE, sent_ahead=1).put_all(outgoing(1, 2), nothing), (1, 2), strict=True
    ):
        taken.append((file, size, len(server.received)))
    assert taken == [(1, 100, 2), (2, 100, 4)]


def test_large_file_is_sent_alone(server: ScriptedServer, archive: PacificaArchive) -> None:
    sizes: list[int | None] = []
    large = MAX_BYTES + 1

    def files() -> Iterator[OutgoingFile]:
        yield from outgoing(1, 2)
        yield OutgoingFile(3, io.BytesIO(bytes(large)), large)
        # The large file and all before it are verified before another one is taken.
        assert sizes == [100, 100, large]
        yield from outgoing(4)

    server.then(*answers(1, 2), reply(201, {}), reply(204, X_Content_Length=str(large)), *answers(4))
    for size in archive.put_all(files(), nothing):
        sizes.append(size)
    assert sizes == [100, 100, large, 100]


def test_requests_that_a_service_which_closes_the_connection_has_not_read_are_sent_again(
    server: ScriptedServer, archive: PacificaArchive
) -> None:
    scripts = answers(1, 2, 3, 4)
    scripts[2] = reply(201, {}, Connection="close")
    server.then(*scripts)
    assert list(archive.put_all(outgoing(1, 2, 3, 4), nothing)) == [100] * 4
    assert requests(server) == [(method, f"/{number}") for number in (1, 2, 3, 4) for method in ("PUT", "HEAD")]
    assert len({received.connection for received in server.received}) == 2


def test_before_each_put_the_caller_is_asked_also_before_it_is_sent_again(
    server: ScriptedServer, archive: PacificaArchive
) -> None:
    asked: list[int] = []
    scripts = answers(1, 2, 3)
    scripts[2] = reply(201, {}, Connection="close")
    server.then(*scripts)
    assert list(archive.put_all(outgoing(1, 2, 3), lambda: asked.append(len(asked)))) == [100] * 3
    assert len(asked) == 4


def test_caller_that_has_lost_the_job_sends_nothing_again(server: ScriptedServer, archive: PacificaArchive) -> None:
    lost = threading.Event()

    def check() -> None:
        if lost.is_set():
            raise FenceLost("a newer process")

    def close(handler: Handler) -> None:
        lost.set()
        reply(201, {}, Connection="close")(handler)

    server.then(close)
    with pytest.raises(FenceLost):
        list(archive.put_all(outgoing(1, 2), check))
    assert requests(server) == [("PUT", "/1")]


def test_service_that_closes_each_connection_after_one_answer_receives_each_request_once(
    server: ScriptedServer, archive: PacificaArchive
) -> None:
    server.then(*[reply(201, Connection="close"), reply(204, X_Content_Length="100", Connection="close")] * 5)
    assert list(archive.put_all(outgoing(*range(5)), nothing)) == [100] * 5
    assert len(server.received) == 10


def test_connection_that_is_closed_without_notice_is_service_unavailable_and_nothing_is_sent_again(
    server: ScriptedServer, archive: PacificaArchive
) -> None:
    server.then(*answers(1), hang_up)
    sizes = archive.put_all(outgoing(1, 2, 3), nothing)
    assert next(sizes) == 100
    with pytest.raises(ServiceUnavailable):
        list(sizes)
    assert len(server.received) == 3


def test_refused_file_is_service_unavailable_with_the_reason(server: ScriptedServer, archive: PacificaArchive) -> None:
    server.then(*answers(1), failure(NOT_READABLE), failure(NOT_HELD), *answers(3))
    sizes = archive.put_all(outgoing(1, 2, 3), nothing)
    assert next(sizes) == 100
    with pytest.raises(ServiceUnavailable, match=r"/2 .*Permission denied"):
        next(sizes)


def test_size_that_is_not_reported_is_service_unavailable(server: ScriptedServer, archive: PacificaArchive) -> None:
    def slow(handler: Handler) -> None:
        time.sleep(1)
        reply(201, {})(handler)

    # The answer to a HEAD announces a length, but has no body.
    server.then(reply(201, {}), failure(NOT_HELD), slow, *answers(2)[1:])
    with pytest.raises(ServiceUnavailable, match="500"):
        list(archive.put_all(outgoing(1, 2), nothing))
    # The attempt ends when the service has carried out what was sent.
    assert requests(server)[-1] == ("HEAD", "/2")


@pytest.mark.parametrize("length", ["", "-1", "many"])
def test_size_that_is_no_number_is_service_unavailable(
    server: ScriptedServer, archive: PacificaArchive, length: str
) -> None:
    server.then(reply(201, {}), reply(204, X_Content_Length=length))
    with pytest.raises(ServiceUnavailable, match="returned the size"):
        list(archive.put_all(outgoing(1), nothing))


def test_answer_that_is_no_http_is_service_unavailable(server: ScriptedServer, archive: PacificaArchive) -> None:
    def garbage(handler: Handler) -> None:
        handler.read_body()
        handler.wfile.write(b"no answer\r\n\r\n")

    server.then(garbage)
    with pytest.raises(ServiceUnavailable):
        list(archive.put_all(outgoing(1), nothing))


def test_interim_answer_is_followed_by_the_answer(server: ScriptedServer, archive: PacificaArchive) -> None:
    def with_interim(handler: Handler) -> None:
        handler.send_response_only(102)
        handler.end_headers()
        reply(201, {})(handler)

    server.then(with_interim, *answers(1)[1:])
    assert list(archive.put_all(outgoing(1), nothing)) == [100]


def test_service_that_does_not_answer_times_out(server: ScriptedServer, make_client: MakeClient) -> None:
    def wait(_handler: Handler) -> None:
        server.ended.wait(WAIT_SECONDS)

    server.then(wait)
    archive = PacificaArchive(make_client(read_timeout=0.2), TRANSFER_SIZE, sent_ahead=DEPTH)
    with pytest.raises(ServiceUnavailable, match=r"no answer for 0\.2 seconds"):
        list(archive.put_all(outgoing(1, 2), nothing))


def test_unreachable_service_is_service_unavailable(make_client: MakeClient) -> None:
    archive = PacificaArchive(make_client("http://127.0.0.1:1"), TRANSFER_SIZE, sent_ahead=DEPTH)
    with pytest.raises(ServiceUnavailable, match="refused"):
        list(archive.put_all(outgoing(1), nothing))


@pytest.mark.parametrize("error", [FenceLost("a newer process"), ConnectionResetError("a pipe")])
def test_after_an_error_of_a_body_no_file_is_being_stored(
    server: ScriptedServer, archive: PacificaArchive, error: Exception
) -> None:
    reached, completed = threading.Event(), []

    def files() -> Iterator[OutgoingFile]:
        yield from outgoing(1, 2)
        reached.set()
        yield OutgoingFile(3, FailingBody(10, error), 100)

    def late(handler: Handler) -> None:
        assert reached.wait(WAIT_SECONDS)
        time.sleep(0.1)
        reply(201, {})(handler)

    def last(handler: Handler) -> None:
        completed.append(handler.path)
        answers(2)[1](handler)

    server.then(late, *answers(1, 2)[1:3], last)
    with pytest.raises(type(error)) as caught:
        list(archive.put_all(files(), nothing))
    assert caught.value is error
    assert completed == ["/2"]
    assert ("PUT", "/3") not in requests(server)


def test_after_an_error_nothing_is_sent_again(server: ScriptedServer, archive: PacificaArchive) -> None:
    def files() -> Iterator[OutgoingFile]:
        yield from outgoing(1, 2)
        raise FenceLost("a newer process")

    scripts = answers(1, 2)
    scripts[0] = reply(201, {}, Connection="close")
    server.then(*scripts)
    with pytest.raises(FenceLost):
        list(archive.put_all(files(), nothing))
    assert requests(server) == [("PUT", "/1")]


def test_after_the_caller_has_stopped_no_file_is_being_stored(server: ScriptedServer, archive: PacificaArchive) -> None:
    server.then(*answers(1, 2, 3, 4, 5))
    with closing(archive.put_all(outgoing(1, 2, 3, 4, 5), nothing)) as sizes:
        assert next(sizes) == 100
    assert len(server.received) == 2 * DEPTH


def test_body_that_ends_early_is_service_unavailable_and_not_sent(
    server: ScriptedServer, archive: PacificaArchive
) -> None:
    with pytest.raises(ServiceUnavailable, match="ended after 3 of 10 announced bytes"):
        list(archive.put_all([OutgoingFile(1, io.BytesIO(b"abc"), 10)], nothing))
    assert server.received == []


def test_each_request_is_observed_once_also_if_it_is_not_answered(server: ScriptedServer) -> None:
    observed: list[tuple[str, str]] = []

    def observe(_service: str, method: str, status: str, seconds: float) -> None:
        assert 0 <= seconds < WAIT_SECONDS
        observed.append((method, status))

    server.then(*answers(1), hang_up)
    with closing(HttpClient("thing", server.url, 5.0, 5.0, TRANSFER_SIZE, observe)) as client:
        archive = PacificaArchive(client, TRANSFER_SIZE, sent_ahead=DEPTH)
        with pytest.raises(ServiceUnavailable):
            list(archive.put_all(outgoing(1, 2), nothing))
    assert observed == [("PUT", "201"), ("HEAD", "204"), ("PUT", "none"), ("HEAD", "none")]


def test_password_of_the_url_is_sent_and_the_path_kept(server: ScriptedServer, make_client: MakeClient) -> None:
    url = server.url.replace("http://", "http://ada:secret@") + "/files"
    server.then(*answers(1))
    assert list(PacificaArchive(make_client(url), TRANSFER_SIZE, sent_ahead=DEPTH).put_all(outgoing(1), nothing)) == [
        100
    ]
    assert requests(server) == [("PUT", "/files/1"), ("HEAD", "/files/1")]
    assert {received.headers["authorization"] for received in server.received} == {"Basic YWRhOnNlY3JldA=="}
    assert server.received[0].headers["host"] == server.url.removeprefix("http://")
