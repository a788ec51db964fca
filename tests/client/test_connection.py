"""Every failure of a request is a typed error in words; credentials, certificates and proxies reach the service."""

import socket
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pacifica_ingest_client.errors import (
    CertificateUntrusted,
    ClientError,
    NotFound,
    RequestRefused,
    ServiceFailed,
    ServiceUnavailable,
    UsageError,
)
from pacifica_ingest_client.service.connection import Access, Connection, json_of
from tests.client.certificates import write_certificate
from tests.services.scripted_server import ScriptedServer, broken_reply, hang_up, reply, scripted_server
from tools.stack import free_port


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


def error_of(url: str, access: Access | None = None) -> ClientError:
    with pytest.raises(ClientError) as raised:
        Connection(url, access or Access()).request("GET", "/")
    return raised.value


def test_a_refused_connection_is_an_outage_in_words():
    error = error_of(f"http://127.0.0.1:{free_port()}")
    assert isinstance(error, ServiceUnavailable)
    assert not error.answered
    assert error.text.endswith("is unavailable: Connection refused")


def test_a_host_without_an_address_is_an_outage():
    assert isinstance(error_of("http://no-such-host.invalid"), ServiceUnavailable)


@pytest.mark.parametrize("script", [hang_up, broken_reply(200, b"{", length=100)])
def test_a_connection_that_breaks_is_an_outage(server: ScriptedServer, script: object):
    server.then(script)  # type: ignore[arg-type]
    assert isinstance(error_of(server.url), ServiceUnavailable)


@pytest.mark.parametrize("status", [408, 409, 423, 429, 502, 503, 504, 507])
def test_an_answer_that_may_be_another_one_later_is_an_outage(server: ScriptedServer, status: int):
    server.then(reply(status, {"code": "spool_full", "message": "no space"}, Retry_After="30"))
    error = error_of(server.url)
    assert isinstance(error, ServiceUnavailable)
    assert (error.retry_after, error.answered, error.code) == (30, True, "spool_full")


@pytest.mark.parametrize(
    ("status", "kind"), [(400, RequestRefused), (401, RequestRefused), (403, RequestRefused), (404, NotFound)]
)
def test_a_refusal_has_the_code_and_the_sentence_of_the_service(
    server: ScriptedServer, status: int, kind: type[RequestRefused]
):
    server.then(reply(status, {"code": "token_expired", "message": "the token has expired"}))
    error = error_of(server.url)
    assert type(error) is kind
    assert error.code == "token_expired"
    assert "the token has expired" in error.text


def test_a_failure_of_the_service_is_not_repeated(server: ScriptedServer):
    server.then(reply(500, {"code": "internal_error", "message": "a bug"}))
    assert isinstance(error_of(server.url), ServiceFailed)


def test_a_page_of_another_server_is_shown_in_one_line(server: ScriptedServer):
    server.then(reply(403, body=b"<html>\n<b>Blocked</b>\n</html>"))
    assert error_of(server.url).text.endswith("403 Forbidden: <html> <b>Blocked</b> </html>")


def test_a_redirection_names_the_other_address(server: ScriptedServer):
    server.then(reply(301, {}, Location="https://ingest.example.org/"))
    assert "redirects to https://ingest.example.org/; use that URL" in error_of(server.url).text


@pytest.mark.parametrize("url", ["ingest.example.org", "ftp://ingest.example.org", "http://"])
def test_an_address_that_is_none_is_an_error_of_usage(url: str):
    assert isinstance(error_of(url), UsageError)


@pytest.mark.parametrize("body", [b"<html>", b"[]"])
def test_an_answer_that_is_no_json_object_is_an_error(server: ScriptedServer, body: bytes):
    server.then(reply(200, body=body))
    with pytest.raises(ServiceFailed, match="right URL"):
        json_of(Connection(server.url, Access()).request("GET", "/"))


def test_an_address_of_another_host_is_refused(server: ScriptedServer):
    with pytest.raises(ServiceFailed, match=r"another server: http://evil\.example/uploads/1"):
        Connection(server.url, Access()).absolute("http://evil.example/uploads/1")


@pytest.mark.parametrize("location", ["/uploads/1", "/ingest-api/uploads/1", "https://host/ingest-api/uploads/1"])
def test_a_location_is_below_the_path_of_the_service(location: str):
    connection = Connection("https://host/ingest-api", Access())
    assert connection.absolute(location) == "https://host/ingest-api/uploads/1"


def test_a_path_of_the_service_is_kept(server: ScriptedServer):
    server.then(reply(200, {}))
    Connection(f"{server.url}/ingest-api/", Access()).request("GET", "/get_state")
    assert server.received[0].path == "/ingest-api/get_state"


def test_headers_and_a_renewed_token_are_sent(server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # requests would send the password of this file instead of the token.
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    tokens = iter(["first", "second"])
    connection = Connection(server.url, Access(token=lambda: next(tokens), headers={"X-Http-Authed-User": "ada"}))
    server.then(reply(200, {}), reply(200, {}))
    connection.request("GET", "/")
    connection.request("GET", "/")
    assert [each.headers["authorization"] for each in server.received] == ["Bearer first", "Bearer second"]
    assert server.received[0].headers["x-http-authed-user"] == "ada"


@pytest.mark.parametrize("is_from_environment", [True, False])
def test_a_proxy_is_used(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, is_from_environment: bool):
    if is_from_environment:
        monkeypatch.setenv("http_proxy", server.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
    server.then(reply(200, {}))
    proxy = None if is_from_environment else server.url
    Connection("http://ingest.example.org", Access(proxy=proxy)).request("GET", "/get_state")
    assert server.received[0].path == "http://ingest.example.org/get_state"


class Greeting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


class TlsServer(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that do not trust the certificate."""


@pytest.fixture
def tls_url(tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a server whose certificate is in the file `authority.pem`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(tmp_path))
    with TlsServer(("127.0.0.1", 0), Greeting) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"https://localhost:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_certificate_of_an_unknown_authority_is_not_trusted(tls_url: str):
    error = error_of(tls_url)
    assert isinstance(error, CertificateUntrusted)
    assert "--ca-file" in error.text


def test_the_authority_of_the_facility_is_trusted(tls_url: str, tmp_path: Path):
    access = Access(ca_file=str(tmp_path / "authority.pem"))
    assert Connection(tls_url, access).request("GET", "/").json() == {}


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_an_error_of_usage(tmp_path: Path, content: str | None):
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=r"authority\.pem cannot be used"):
        Connection("https://localhost", Access(ca_file=str(path)))


def test_no_answer_within_the_time_limit_is_an_outage(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pacifica_ingest_client.service.connection.ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as unresponsive:
        error = error_of(f"http://127.0.0.1:{unresponsive.getsockname()[1]}")
    assert isinstance(error, ServiceUnavailable)
    assert "timed out" in error.text
