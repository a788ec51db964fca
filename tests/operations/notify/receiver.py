"""A real receiver of webhooks: verifies each message with the library of Standard Webhooks, and answers as a test says."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from standardwebhooks import Webhook as Verifier

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@dataclass(frozen=True)
class Received:
    """A verified message: its id, its document, and when it arrived."""

    message_id: str
    document: dict[str, Any]
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def type(self) -> str:
        return str(self.document["type"]).removeprefix("org.pacifica.ingest.")

    @property
    def job(self) -> int:
        return int(self.document["data"]["job_id"])


class Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        document = Verifier(receiver.secret).verify(body, dict(self.headers))
        assert document["id"] == self.headers["webhook-id"]
        receiver.received.append(Received(document["id"], document))
        answer = receiver.answers.popleft() if receiver.answers else receiver.answer
        answer(self)

    def do_GET(self) -> None:
        self.server.receiver.redirected.append(self.path)
        self.send_error(200)

    def log_message(self, format: str, *args: Any) -> None:
        pass


Answer = Callable[[Handler], object]


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer with a status; underscores in the names of headers stand for hyphens."""

    def send(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


def close(handler: Handler) -> None:
    """Close the connection without an answer."""


@dataclass
class Receiver:
    """The receiver for a test: `answers` are given in order, then `answer`."""

    url: str = ""
    secret: str = SECRET
    received: list[Received] = field(default_factory=list)
    redirected: list[str] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    answer: Answer = field(default_factory=lambda: status(204))

    def of_job(self, job: int) -> list[str]:
        return [each.type for each in self.received if each.job == job]


class _Server(ThreadingHTTPServer):
    receiver: Receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of connections: these tests cut them on purpose."""


@contextmanager
def run_receiver(port: int = 0) -> Iterator[Receiver]:
    """Run a receiver on the loopback interface."""
    server = _Server(("127.0.0.1", port), Handler)
    server.receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook?key=1")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
