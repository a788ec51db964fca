"""The canceler chooses some jobs, and records how its requests are answered; one that is not answered is repeated."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from ingest.states.job_state import RECEIVED_LABEL
from ingest.states.stages import STAGES, Kind
from tools.soak import canceling
from tools.soak.canceling import SHARE, Canceler, label_of_cancellation
from tools.soak.journal import Cancellation, Journal
from tools.soak.uploads import upload
from tools.waiting import wait_until

JOB = 17
SEED = 1
# An upload whose job is canceled.
NUMBER = next(number for number in range(100) if label_of_cancellation(SEED, number, upload(SEED, number).kind))
SECONDS = 30
CLOSED = 0


@contextmanager
def canceled_by(journal: Journal, statuses: list[int]) -> Iterator[list[str]]:
    """Run a canceler whose requests are answered with these statuses in turn; yield the paths that it requested."""
    left, paths = deque(statuses), list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            paths.append(self.path)
            if status := left.popleft():
                self.send_response(status)
                self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    canceler = Canceler(SEED, f"http://127.0.0.1:{server.server_port}", journal)
    serving.start()
    canceler.start()
    yield paths
    journal.over.set()
    canceler.join()
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.mark.parametrize(
    ("statuses", "cancellation", "violations"),
    [
        ([200], Cancellation.DONE, 0),
        ([CLOSED, 503, 200], Cancellation.DONE, 0),
        ([409], Cancellation.REFUSED, 0),
        ([404], Cancellation.REQUESTED, 1),
    ],
)
def test_cancellation_is_recorded(
    monkeypatch: pytest.MonkeyPatch, statuses: list[int], cancellation: Cancellation, violations: int
):
    monkeypatch.setattr(canceling, "PAUSE_SECONDS", (0.01, 0.02))
    monkeypatch.setattr(canceling, "REPEAT_SECONDS", 0.01)
    journal = Journal()
    made = upload(SEED, NUMBER)
    journal.record_answer(made, JOB)
    journal.answered[JOB].shown = {"task": label_of_cancellation(SEED, NUMBER, made.kind)}
    with canceled_by(journal, statuses) as paths:
        wait_until(lambda: journal.faults.total() > 0, SECONDS, lambda: f"requested {paths}")
    assert paths == [f"/jobs/{JOB}/cancel"] * len(statuses)
    assert journal.answered[JOB].cancellation is cancellation
    assert len(journal.violations) == violations


def test_some_jobs_are_canceled_and_in_every_stage():
    labels = [label_of_cancellation(SEED, number, Kind.INGEST) for number in range(1000)]
    chosen = [label for label in labels if label is not None]
    assert SHARE / 2 < len(chosen) / len(labels) < SHARE * 2
    assert set(chosen) == {RECEIVED_LABEL, *(stage.label for stage in STAGES[Kind.INGEST])}
