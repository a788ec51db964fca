"""One try: the message that arrives, and every answer that is no success."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from ingest.operations.notify import checked_connection, delivery
from ingest.operations.notify.delivery import Result, deliver
from ingest.operations.notify.message import make_test_message, signed_headers
from tests.operations.notify.conftest import webhook_of
from tests.operations.notify.receiver import OTHER_SECRET, SECRET, Answer, Receiver, close, status

MESSAGE = make_test_message("lab")


def test_message_is_a_signed_cloud_event(receiver: Receiver):
    assert deliver(webhook_of(receiver), MESSAGE) == Result()
    (received,) = receiver.received
    assert received.message_id == MESSAGE.message_id
    assert datetime.fromisoformat(received.document.pop("time")) <= datetime.now(UTC)
    assert received.document == {
        "specversion": "1.0",
        "id": MESSAGE.message_id,
        "source": "/pacifica-ingest",
        "type": "org.pacifica.ingest.test",
        "subject": "webhooks/lab",
        "datacontenttype": "application/json",
        "data": {"webhook": "lab"},
    }


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
def test_either_secret_verifies_a_message_while_they_are_rotated(receiver: Receiver, secret: str):
    receiver.secret = secret
    assert deliver(webhook_of(receiver, secret=f"{OTHER_SECRET}, {SECRET}"), MESSAGE) == Result()


def test_message_of_another_secret_is_refused_by_the_verifier():
    headers = signed_headers(MESSAGE, (OTHER_SECRET,))
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(SECRET).verify(MESSAGE.body, headers)


def test_signature_is_that_of_the_specification():
    # The example of the specification's reference implementations.
    signer = Verifier("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = signer.sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), '{"test": 2432232314}'
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (status(200, b"ok"), Result()),
        (status(204), Result()),
        (status(500, b"no\r\ndatabase\x1b[2J"), Result("answered 500: 'no\\r\\ndatabase\\x1b[2J'")),
        (status(301, Location="/elsewhere"), Result("answered 301")),
        (status(307, Location="/elsewhere"), Result("answered 307")),
        (status(410), Result("answered 410", gone=True)),
        (status(429, Retry_After="30"), Result("answered 429", pause=timedelta(seconds=30))),
        (status(503, Retry_After="9" * 30), Result("answered 503", pause=timedelta(days=1))),
        (status(503, Retry_After="soon"), Result("answered 503")),
        (status(503, Retry_After=""), Result("answered 503")),
        (status(500, Retry_After="30"), Result("answered 500")),
    ],
    ids=lambda value: "" if callable(value) else str(value.failure),
)
def test_only_2xx_is_success(receiver: Receiver, answer: Answer, result: Result):
    receiver.answer = answer
    assert deliver(webhook_of(receiver), MESSAGE) == result
    assert receiver.redirected == []


def test_retry_after_may_be_a_date(receiver: Receiver):
    receiver.answer = status(429, Retry_After=format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
    pause = deliver(webhook_of(receiver), MESSAGE).pause
    assert pause is not None
    assert timedelta(minutes=58) < pause <= timedelta(hours=1)


def test_closed_connection_is_a_failure(receiver: Receiver):
    receiver.answer = close
    assert "without response" in (deliver(webhook_of(receiver), MESSAGE).failure or "")


def test_killed_receiver_is_a_failure(receiver: Receiver):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    result = deliver(webhook_of(receiver, url=f"http://127.0.0.1:{port}/"), MESSAGE)
    assert "refused" in (result.failure or "")


def test_huge_answer_is_not_read(receiver: Receiver):
    sent = []

    def flood(handler: object) -> None:
        status(500, b"x" * 100)(handler)  # type: ignore[arg-type]
        for _ in range(1000):
            handler.wfile.write(b"x" * 1_000_000)  # type: ignore[attr-defined]
            sent.append(1)

    receiver.answer = flood
    assert (deliver(webhook_of(receiver), MESSAGE).failure or "").startswith("answered 500: 'xxx")
    assert len(sent) < 1000


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: "])
def test_answer_that_drips_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch, receiver: Receiver, first: bytes):
    monkeypatch.setattr(delivery, "TIMEOUT_SECONDS", 1)
    ended = threading.Event()

    def drip(handler: object) -> None:
        try:
            handler.wfile.write(first)  # type: ignore[attr-defined]
            while not ended.wait(0.1):
                handler.wfile.write(b"x")  # type: ignore[attr-defined]
        except OSError:
            return

    receiver.answer = drip
    assert deliver(webhook_of(receiver), MESSAGE).failure == "no complete answer within 1 seconds"
    ended.set()


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
