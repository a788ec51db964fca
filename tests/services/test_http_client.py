"""Failing requests raise a typed error within the time-out, whatever the service does."""

import socket

import pytest

from ingest.errors.types import ServiceUnavailable
from ingest.services.http_client import HttpClient
from tests.services.bodies import Zeros
from tests.services.conftest import TRANSFER_SIZE, MakeClient
from tests.services.scripted_server import Handler, ScriptedServer, broken_reply, failure, hang_up, reply


def get(client: HttpClient, path: str = "/7") -> bytes:
    with client.request("GET", path) as answer:
        return b"".join(answer.iter_content(TRANSFER_SIZE))


def get_while_handling(error: Exception, client: HttpClient) -> None:
    try:
        raise error
    except type(error):
        get(client)


def test_refused_connection_is_service_unavailable_with_its_cause(make_client: MakeClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ServiceUnavailable, match="Connection refused") as caught:
        get(make_client(f"http://127.0.0.1:{port}"))
    assert caught.value.service == "thing"
    assert caught.value.url == f"http://127.0.0.1:{port}/7"
    assert caught.value.__cause__ is not None


def test_reason_does_not_come_from_an_error_that_was_being_handled(make_client: MakeClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = make_client(f"http://127.0.0.1:{port}")
    with pytest.raises(ServiceUnavailable, match="Connection refused"):
        get_while_handling(ConnectionError("of something else"), client)


def test_service_that_never_answers_times_out(server: ScriptedServer, make_client: MakeClient) -> None:
    def hang(handler: Handler) -> None:
        server.ended.wait()

    server.then(hang)
    with pytest.raises(ServiceUnavailable, match=r"no answer for 0\.2 seconds"):
        get(make_client(read_timeout=0.2))


def test_service_that_stops_within_its_answer_times_out(server: ScriptedServer, make_client: MakeClient) -> None:
    def half(handler: Handler) -> None:
        handler.send(200, b"half", {}, length=8)
        server.ended.wait()

    server.then(half)
    with pytest.raises(ServiceUnavailable, match=r"no answer for 0\.2 seconds"):
        get(make_client(read_timeout=0.2))


def test_extra_seconds_are_waited(server: ScriptedServer, make_client: MakeClient) -> None:
    def late(handler: Handler) -> None:
        server.ended.wait(0.5)
        reply(body=b"late")(handler)

    server.then(late)
    with make_client(read_timeout=0.1).request("GET", "/7", extra_seconds=5) as answer:
        assert answer.read(100) == b"late"


def test_service_that_takes_a_body_late_is_waited_for_as_for_its_answer(
    server: ScriptedServer, make_client: MakeClient
) -> None:
    def late(handler: Handler) -> None:
        server.ended.wait(0.6)
        reply(201)(handler)

    size = 32 * 1024 * 1024
    server.then(reply(201), late)
    client = make_client(connect_timeout=0.2)
    for _ in range(2):
        with client.request("PUT", "/7", expected=(201,), body=Zeros(size), size=size) as answer:
            assert answer.status == 201
    assert [len(received.body) for received in server.received] == [size, size]


def test_connection_that_breaks_within_an_answer_is_service_unavailable(
    server: ScriptedServer, client: HttpClient
) -> None:
    server.then(broken_reply(body=b"half", length=8))
    with pytest.raises(ServiceUnavailable):
        get(client)


def test_connection_that_is_reset_within_a_put_is_service_unavailable(
    server: ScriptedServer, client: HttpClient
) -> None:
    def reset(handler: Handler) -> None:
        handler.rfile.read(1000)
        hang_up(handler)

    server.then(reset)
    size = 64 * 1024 * 1024
    with pytest.raises(ServiceUnavailable), client.request("PUT", "/7", body=Zeros(size), size=size):
        pass


@pytest.mark.parametrize("status", [204, 400, 404, 429, 500, 502, 503])
def test_status_that_the_caller_does_not_expect_is_service_unavailable(
    server: ScriptedServer, client: HttpClient, status: int
) -> None:
    server.then(reply(status))
    with pytest.raises(ServiceUnavailable, match=f"it answered {status} "):
        get(client)


def test_reason_is_the_last_exception_of_the_services_traceback(server: ScriptedServer, client: HttpClient) -> None:
    server.then(failure("peewee.OperationalError: server closed\n\tthe connection &lt;here&gt;"))
    with pytest.raises(ServiceUnavailable, match=r"500 .*: OperationalError: server closed the connection <here>$"):
        get(client)
