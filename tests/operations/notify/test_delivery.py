"""One try: the message that arrives, and every answer that is no success."""

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from standardwebhooks import Webhook as Verifier

from ingest.operations.notify import delivery
from ingest.operations.notify.delivery import Result, deliver
from ingest.operations.notify.message import make_test_message, signed_headers
from tests.operations.notify.conftest import SECONDS, webhook_of
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


@pytest.mark.parametrize(
    ("first", "failure"),
    [
        (b"", "no complete answer within 1 seconds"),
        (b"HTTP/1.1 200 OK\r\n", "no complete answer within 1 seconds"),
        (b"HTTP/1.1 200 OK\r\nX: ", "no complete answer within 1 seconds"),
        (b"HTTP/1.1 500 No\r\nConnection: close\r\n\r\n", "answered 500: 'xx"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 4000\r\n\r\n", "answered 500"),
    ],
)
def test_answer_that_drips_ends_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver, first: bytes, failure: str
):
    monkeypatch.setattr(delivery, "TIMEOUT_SECONDS", 1)
    ended = threading.Event()

    def drip(handler: object) -> None:
        try:
            handler.wfile.write(first)  # type: ignore[attr-defined]
            # To the end of the answer it would take minutes.
            while not ended.wait(0.1):
                handler.wfile.write(b"x")  # type: ignore[attr-defined]
        except OSError:
            return

    receiver.answer = drip
    began = time.monotonic()
    assert (deliver(webhook_of(receiver), MESSAGE).failure or "").startswith(failure)
    assert time.monotonic() - began < SECONDS
    ended.set()
