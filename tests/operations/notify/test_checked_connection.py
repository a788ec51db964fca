"""The connection of a try: only to a checked address, and to a server whose certificate has the name in the URL."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.operations.notify import checked_connection
from ingest.operations.notify.delivery import deliver
from ingest.operations.notify.message import make_test_message
from tests.operations.notify.conftest import webhook_of
from tests.operations.notify.receiver import Receiver

MESSAGE = make_test_message("lab")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://0:{port}/"],
)
def test_private_address_is_refused_without_a_connection(receiver: Receiver, url: str):
    port = receiver.url.split(":")[2].split("/")[0]
    webhook = webhook_of(receiver, url=url.format(port=port), allow_private="false")
    assert (deliver(webhook, MESSAGE).failure or "").startswith("address refused: ")
    assert receiver.received == []


def test_name_that_changes_its_address_after_the_check_leads_nowhere_else(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    resolve = socket.getaddrinfo
    answers = iter(["127.0.0.2"])

    def rebind(host: str, *arguments: object, **named: object) -> object:
        return resolve(next(answers, "127.0.0.1") if host == "rebind.example" else host, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    monkeypatch.setattr(checked_connection, "is_public", lambda address: address == "127.0.0.2")
    port = receiver.url.split(":")[2].split("/")[0]
    webhook = webhook_of(receiver, url=f"http://rebind.example:{port}/", allow_private="false")
    assert "refused" in (deliver(webhook, MESSAGE).failure or "")
    assert receiver.received == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a self-signed certificate for localhost, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    both = folder / "both"
    both.write_text((folder / "key").read_text() + (folder / "certificate").read_text())
    return both


@pytest.fixture
def tls_port(certificate: Path) -> Iterator[int]:
    """Return the port of a TLS server that answers 204 to anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def serve() -> None:
            try:
                with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                    # A socket that is closed while it has unread bytes resets the connection.
                    while connection.recv(65536):
                        pass
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "trusted", "failure"),
    [
        ("localhost", True, None),
        ("127.0.0.1", True, "IP address mismatch"),
        ("localhost", False, "self-signed certificate"),
    ],
)
def test_certificate_is_checked_for_the_name_in_the_url(
    receiver: Receiver,
    tls_port: int,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    trusted: bool,
    failure: str | None,
):
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    result = deliver(webhook_of(receiver, url=f"https://{host}:{tls_port}/"), MESSAGE)
    assert (result.failure is None) if failure is None else (failure in (result.failure or ""))
