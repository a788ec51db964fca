"""Request bodies: exactly the announced bytes are sent, and the caller receives the exceptions of the body."""

import io

import pytest

from ingest.errors.types import FenceLost, ServiceUnavailable
from ingest.services.http_client import HttpClient
from tests.services.bodies import FailingBody, Zeros
from tests.services.conftest import TRANSFER_SIZE
from tests.services.scripted_server import Handler, ScriptedServer, hang_up, reply


def put(client: HttpClient, body: io.BytesIO, size: int) -> None:
    with client.request("PUT", "/7", expected=(201,), body=body, size=size):
        pass


def test_body_is_sent_whole_with_its_length(server: ScriptedServer, client: HttpClient) -> None:
    content = bytes(range(256)) * 1000
    server.then(reply(201))
    put(client, io.BytesIO(content), len(content))
    assert server.received[0].body == content
    assert server.received[0].headers["content-length"] == str(len(content))
    assert "transfer-encoding" not in server.received[0].headers


def test_put_of_an_empty_body_sends_content_length_zero(server: ScriptedServer, client: HttpClient) -> None:
    server.then(reply(201))
    put(client, io.BytesIO(), 0)
    assert server.received[0].headers["content-length"] == "0"
    assert "transfer-encoding" not in server.received[0].headers


def test_body_is_read_in_blocks_of_the_transfer_size(server: ScriptedServer, client: HttpClient) -> None:
    body = Zeros(10 * TRANSFER_SIZE)
    server.then(reply(201))
    put(client, body, 10 * TRANSFER_SIZE)
    assert body.largest_read == TRANSFER_SIZE


@pytest.mark.parametrize("error", [FenceLost("a newer process"), OSError("the spool"), ConnectionResetError("a pipe")])
def test_error_of_the_body_is_raised_unchanged(server: ScriptedServer, client: HttpClient, error: Exception) -> None:
    server.then(reply(201))
    with pytest.raises(type(error)) as caught:
        put(client, FailingBody(2 * TRANSFER_SIZE, error), 10 * TRANSFER_SIZE)
    assert caught.value is error


def test_body_is_sent_after_one_that_failed(server: ScriptedServer, client: HttpClient) -> None:
    server.then(reply(201), reply(201))
    with pytest.raises(FenceLost):
        put(client, FailingBody(5, FenceLost("a newer process")), 10)
    put(client, io.BytesIO(b"whole"), 5)
    # Not the last one received, because the server may still be handling the aborted request.
    assert b"whole" in [received.body for received in server.received]


def test_body_that_ends_early_is_an_error_though_the_service_would_take_it(
    server: ScriptedServer, client: HttpClient
) -> None:
    server.then(reply(201))
    with pytest.raises(ServiceUnavailable, match="ended after 3 of 10 announced bytes"):
        put(client, io.BytesIO(b"abc"), 10)


@pytest.mark.parametrize(("content", "size"), [(b"abcdef", 3), (b"a", 0)])
def test_body_that_is_too_long_is_an_error_and_its_last_block_is_not_sent(
    server: ScriptedServer, client: HttpClient, content: bytes, size: int
) -> None:
    server.then(reply(201))
    with pytest.raises(ServiceUnavailable, match=f"continues after the last of {size} announced bytes"):
        put(client, io.BytesIO(content), size)
    assert all(received.body == b"" for received in server.received)


def test_refusal_before_the_body_was_read_is_service_unavailable(server: ScriptedServer, client: HttpClient) -> None:
    def refuse(handler: Handler) -> None:
        handler.send(507, b"", {})
        hang_up(handler)

    server.then(refuse)
    with pytest.raises(ServiceUnavailable):
        put(client, Zeros(64 * 1024 * 1024), 64 * 1024 * 1024)
