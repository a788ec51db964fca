"""Connections of a client: reuse, redirects, proxies and credentials."""

import threading

import pytest

from ingest.errors.types import ServiceUnavailable
from ingest.services.http_client import HttpClient
from tests.services.conftest import TRANSFER_SIZE, MakeClient
from tests.services.scripted_server import Handler, ScriptedServer, hang_up, reply


def get(client: HttpClient, path: str = "/7") -> bytes:
    with client.request("GET", path) as answer:
        return b"".join(answer.iter_content(TRANSFER_SIZE))


def test_redirect_is_not_followed(server: ScriptedServer, client: HttpClient) -> None:
    server.then(reply(302, Location=f"{server.url}/elsewhere"), reply(200))
    with pytest.raises(ServiceUnavailable, match="302"):
        get(client)
    assert [received.path for received in server.received] == ["/7"]


def test_endless_error_page_is_not_read_to_its_end(server: ScriptedServer, client: HttpClient) -> None:
    hung_up = threading.Event()

    def endless(handler: Handler) -> None:
        handler.send(500, b"", {}, length=1 << 40)
        try:
            while True:
                handler.wfile.write(bytes(1 << 20))
        except OSError:
            hung_up.set()

    server.then(endless)
    with pytest.raises(ServiceUnavailable, match="500"):
        get(client)
    assert hung_up.wait(10)


def test_connection_is_used_again_even_if_the_caller_left_the_answer_unread(
    server: ScriptedServer, client: HttpClient
) -> None:
    server.then(reply(body=bytes(5000)), reply(body=b"second"))
    with client.request("GET", "/1"):
        pass
    assert get(client) == b"second"
    assert len({received.connection for received in server.received}) == 1


def test_idle_connection_that_the_service_closed_is_replaced(server: ScriptedServer, client: HttpClient) -> None:
    closed = threading.Event()

    def close_unannounced(handler: Handler) -> None:
        reply(body=b"first")(handler)
        hang_up(handler)
        closed.set()

    server.then(close_unannounced, reply(body=b"second"))
    get(client)
    assert closed.wait(10)
    assert get(client) == b"second"
    assert len({received.connection for received in server.received}) == 2


def test_failed_request_is_not_sent_again(server: ScriptedServer, client: HttpClient) -> None:
    server.then(hang_up, reply(200))
    with pytest.raises(ServiceUnavailable):
        get(client)
    assert len(server.received) == 1


def test_proxies_of_the_environment_are_not_used(
    server: ScriptedServer, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server.then(reply(body=b"direct"))
    assert get(client) == b"direct"


def test_password_in_the_url_is_sent_but_not_shown(server: ScriptedServer, make_client: MakeClient) -> None:
    server.then(reply(503))
    with pytest.raises(ServiceUnavailable) as caught:
        get(make_client(server.url.replace("http://", "http://me:secret@")))
    assert "secret" not in str(caught.value)
    assert server.received[0].headers["authorization"].startswith("Basic ")
