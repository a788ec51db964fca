"""The receiver of notifications, a program of its own: `python -m tools.soak.notifications.receiver PORT FILE SEED`.

Verifies every message with the library of Standard Webhooks and appends it to FILE before it answers, so that a kill loses
nothing. At times it is slow, answers 429 or 500, closes the connection, or answers when nobody waits any more.
Started by `receiver_process`.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from ingest.operations.notify.delivery import TIMEOUT_SECONDS

HOST = "127.0.0.1"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SLOW_SECONDS = (0.2, 5.0)
PAUSE_SECONDS = (1, 5)


class Answer(StrEnum):
    """How the receiver answers a message; only the first two are a success for the sender."""

    ACCEPTED = "accepted"
    SLOW = "accepted slowly"
    ERROR = "answered 500"
    PAUSE = "answered 429"
    CLOSED = "connection closed"
    TOO_LATE = "answered too late"
    FORGED = "signature refused"


WEIGHTS = {
    Answer.ACCEPTED: 78, Answer.SLOW: 10, Answer.ERROR: 4, Answer.PAUSE: 3, Answer.CLOSED: 4, Answer.TOO_LATE: 1,
}  # fmt: skip


class Server(ThreadingHTTPServer):
    """Keeps the file of messages and decides how each one is answered."""

    daemon_threads = True

    def __init__(self, port: int, file: Path, seed: int) -> None:
        super().__init__((HOST, port), Handler)
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.chance = Random(seed)

    def choose(self) -> Answer:
        """Return how the next message is answered."""
        return self.chance.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))[0]

    def record(self, document: Mapping[str, Any], message_id: str | None, answer: Answer) -> None:
        """Append a message in one write."""
        line = {"message_id": message_id, "document": document, "answer": answer}
        os.write(self._file, json.dumps(line).encode() + b"\n")


class Handler(BaseHTTPRequestHandler):
    """Answers one message."""

    server: Server

    def do_POST(self) -> None:
        """Verify and record a message, then answer it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            document, answer = Verifier(SECRET).verify(body, dict(self.headers)), self.server.choose()
        except WebhookVerificationError as error:
            document, answer = {"error": str(error)}, Answer.FORGED
        self.server.record(document, self.headers["webhook-id"], answer)
        self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        if answer is Answer.CLOSED:
            return
        if answer is Answer.SLOW:
            time.sleep(self.server.chance.uniform(*SLOW_SECONDS))
        if answer is Answer.TOO_LATE:
            time.sleep(TIMEOUT_SECONDS + 1)
        statuses = {
            Answer.ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
            Answer.PAUSE: HTTPStatus.TOO_MANY_REQUESTS,
            Answer.FORGED: HTTPStatus.UNAUTHORIZED,
        }
        self.send_response(statuses.get(answer, HTTPStatus.NO_CONTENT))
        if answer is Answer.PAUSE:
            self.send_header("Retry-After", str(self.server.chance.randint(*PAUSE_SECONDS)))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the file of messages says everything."""


def main() -> None:
    """Receive until the process is killed."""
    port, file, seed = sys.argv[1:]
    Server(int(port), Path(file), int(seed)).serve_forever()


if __name__ == "__main__":
    main()
