"""Uploaders: threads that post one upload after the other, as fast as the service accepts them. Started by `soak`."""

import threading
import time
from http.client import HTTPConnection
from io import BytesIO
from urllib.parse import urlsplit

import requests

from ingest.states.stages import Kind
from tools.soak.journal import Journal
from tools.soak.uploads import Upload, body, upload
from tools.stack import Stack

PAUSE_SECONDS = 0.3
TIMEOUT_SECONDS = 60
UNAVAILABLE = 503
CUT_BY_CLIENT = "an upload cut by its client"
ROUTES = {Kind.INGEST: ("/ingest", "application/octet-stream"), Kind.MOVE: ("/move", "application/json")}


class SlowBody(BytesIO):
    """A body that takes some seconds to be sent, as over a network."""

    def __init__(self, content: bytes, seconds: float) -> None:
        super().__init__(content)
        self._seconds_per_byte = seconds / len(content)

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes, after the time that they take."""
        block = super().read(size)
        time.sleep(self._seconds_per_byte * len(block))
        return block


class Uploader(threading.Thread):
    """Uploads until the journal is over. Nothing is sent twice, because the result of an unanswered upload is unknown."""

    def __init__(self, seed: int, stack: Stack, journal: Journal) -> None:
        super().__init__(name="uploader", daemon=True)
        self._seed = seed
        self._stack = stack
        self._journal = journal

    def run(self) -> None:
        """See `threading.Thread.run`."""
        while not self._journal.over.is_set():
            number = self._journal.next_number()
            if number is None or not self._send(upload(self._seed, number)):
                # The machine does not keep up, or the API is unavailable.
                self._journal.over.wait(PAUSE_SECONDS)

    def _send(self, made: Upload) -> bool:
        """Post an upload; return whether it was answered."""
        sent = body(made, self._stack.home)
        if made.cut:
            self._journal.cut.add(made.number)
            return self._cut(made, sent)
        path, content_type = ROUTES[made.kind]
        headers = {"Content-Type": content_type}
        try:
            slow = SlowBody(sent, made.seconds)
            answer = requests.post(self._stack.api + path, data=slow, headers=headers, timeout=TIMEOUT_SECONDS)
            return self._record(made, answer)
        except requests.RequestException:
            self._journal.unanswered.add(made.number)
            return False

    def _record(self, made: Upload, answer: requests.Response) -> bool:
        if answer.ok:
            self._journal.record_answer(made, int(answer.json()["job_id"]))
            return True
        self._journal.unanswered.add(made.number)
        self._journal.refused[answer.status_code] += 1
        if answer.status_code != UNAVAILABLE:
            self._journal.violate(None, f"upload {made.number} was answered {answer.status_code}: {answer.text[:300]}")
        return False

    def _cut(self, made: Upload, sent: bytes) -> bool:
        path, content_type = ROUTES[made.kind]
        connection = HTTPConnection(urlsplit(self._stack.api).netloc, timeout=TIMEOUT_SECONDS)
        try:
            connection.putrequest("POST", path)
            connection.putheader("Content-Type", content_type)
            connection.putheader("Content-Length", str(len(sent)))
            connection.endheaders(sent[: len(sent) // 2])
        except OSError:
            return False
        finally:
            connection.close()
        self._journal.faults[CUT_BY_CLIENT] += 1
        return True
