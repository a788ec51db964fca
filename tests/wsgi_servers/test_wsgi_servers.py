"""Other WSGI servers: bodies that they support are received, others are refused, never reported as empty."""

import os
import platform
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine

from ingest.ledger import webhooks
from tests.api.clients import CHUNKED, POST, answered, refused
from tests.api.live_server import Server
from tests.operations.notify.receiver import SECRET, Receiver, run_receiver
from tests.wsgi_servers.servers import SERVERS, WsgiServer, serving_under
from tools.waiting import wait_until

BUNDLE = os.urandom(3_000_000)
SECONDS = 60
# There is no wheel for other platforms.
HAS_UWSGI = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 14)


@pytest.fixture(scope="module", params=SERVERS)
def kind(request: pytest.FixtureRequest) -> WsgiServer:
    found = SERVERS[request.param]
    if found.program == "uwsgi" and not HAS_UWSGI:
        pytest.skip("uwsgi has no wheel for this machine")
    return found


@pytest.fixture(scope="module")
def receiver(database_engine: Engine) -> Iterator[Receiver]:
    """Return the receiver of the webhook of all servers, which the ledger forgets afterwards."""
    with run_receiver() as running:
        yield running
    webhooks.synchronize(database_engine, [])


@pytest.fixture(scope="module")
def server(
    kind: WsgiServer, receiver: Receiver, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("wsgi")
    spool, ini = folder / "spool", folder / "config.ini"
    spool.mkdir()
    ini.write_text(f"[webhook:lab]\nurl = {receiver.url}\nsecret = {SECRET}\nallow_private = true\n")
    with serving_under(kind, spool, database_url, INGEST_CONFIG=str(ini)) as server:
        server.forget_uploads()
        yield server


def assert_received(server: Server, answer: requests.Response) -> None:
    """Check that the upload is a job with all of its bytes."""
    assert answer.status_code == 200, answer.text
    job = server.rows()[answer.json()["job_id"]]
    assert (server.spool / job["spool_name"]).read_bytes() == BUNDLE


def chunks() -> Iterator[bytes]:
    for start in range(0, len(BUNDLE), 100_000):
        yield BUNDLE[start : start + 100_000]


def test_upload_with_a_length_is_received(server: Server) -> None:
    assert_received(server, requests.post(f"{server.url}/upload", data=BUNDLE, timeout=60))


def test_upload_in_chunks_is_received_completely_or_refused_but_never_reported_as_empty(
    server: Server, kind: WsgiServer
) -> None:
    if kind.takes_chunks:
        assert_received(server, requests.post(f"{server.url}/upload", data=chunks(), timeout=60))
        return
    with server.leaves_nothing(), server.connect() as connection:
        connection.sendall(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")
        status, document, _ = answered(connection)
    assert (status, document["code"]) == (411, "length_required")
    assert document["message"] == "this server does not support bodies in chunks; send a Content-Length"


@pytest.mark.parametrize(
    "request_start",
    [
        pytest.param(POST + b"Content-Length: 3000000\r\n\r\n" + BUNDLE[:2_000_000], id="before its length"),
        pytest.param(CHUNKED + b"5\r\nhel", id="in a chunk"),
        pytest.param(CHUNKED + b"5\r\nhello\r\n", id="before the last chunk"),
        pytest.param(CHUNKED + b"5\r\nhello\r\nzz\r\n", id="at a malformed chunk"),
    ],
)
def test_upload_that_is_cut_is_never_a_job(server: Server, request_start: bytes) -> None:
    with server.leaves_nothing():
        with server.connect() as connection:
            connection.sendall(request_start)
            connection.shutdown(socket.SHUT_WR)
            received = connection.recv(65536)
        assert not received.startswith(b"HTTP/1.1 200")


def test_empty_upload_is_reported_as_incomplete(server: Server) -> None:
    with server.leaves_nothing():
        answer = requests.post(f"{server.url}/upload", data=b"", timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (400, "body_incomplete")


def test_invalid_requests_are_refused_here_too(server: Server) -> None:
    with server.leaves_nothing():
        assert refused(server, POST + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx").startswith("415 ")
        assert refused(server, POST + b"Content-Range: bytes 1-1/2\r\nContent-Length: 1\r\n\r\nx").startswith("400 ")
        assert refused(server, POST + b"Origin: http://evil.example\r\nContent-Length: 1\r\n\r\nx") == "403 cross_site"
        assert refused(server, b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n") == "421 host_not_allowed"


def test_state_and_readiness_are_answered(server: Server) -> None:
    job = requests.post(f"{server.url}/upload", data=b"x", timeout=60).json()["job_id"]
    assert requests.get(f"{server.url}/get_state/{job}", timeout=60).json()["job_id"] == job
    assert requests.get(f"{server.url}/readyz", timeout=60).json()["ready"] is True
    answer = requests.get(f"{server.url}/nowhere", timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_webhook_is_notified_of_a_received_job(
    server: Server, kind: WsgiServer, receiver: Receiver, database_engine: Engine
) -> None:
    if not kind.has_threads:
        pytest.skip("this server permits no threads, which send notifications")
    requests.get(server.url, timeout=60)
    wait_until(lambda: _is_stored(database_engine), SECONDS, lambda: "the webhook is not stored")
    job = requests.post(f"{server.url}/upload", data=BUNDLE, timeout=60).json()["job_id"]
    wait_until(lambda: receiver.of_job(job) == ["job.received"], SECONDS, lambda: f"received {receiver.received}")


def _is_stored(engine: Engine) -> bool:
    return any(status.removed is None for status in webhooks.statuses(engine))


def test_invalid_setting_is_an_error_of_each_request_and_is_in_the_log(tmp_path: Path, database_url: str) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    with serving_under(SERVERS["waitress"], spool, database_url, TRANSFER_SIZE="many") as server:
        for _ in range(2):
            answer = requests.get(server.url, timeout=60)
            assert (answer.status_code, answer.json()["code"]) == (500, "configuration_invalid")
            assert answer.headers["Content-Type"] == "application/json"
    assert "TRANSFER_SIZE" in (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()
