"""What Airflow has said of the runs of jobs, kept for a moment: however many clients poll, Airflow is asked seldom.

Used by `api.state`. Each process of the server keeps its own.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from cachetools import LRUCache

from ingest.airflow_api import AirflowApi
from ingest.airflow_session import QUESTIONS_AT_ONCE
from ingest.expected_run import FRESH_SECONDS
from ingest.jobs import JobView
from ingest.states import JobRecord, Run

# The stage has failed, and the moment at which Airflow has ended the run is what all its pollers wait for.
ENDING_SECONDS = 0.25
# The longer nothing has changed, the less often it is asked for, by this factor and at least this often.
GROWTH = 1.5
LONGEST_SECONDS = 10.0
# How long an answer of Airflow may take, and how long a client that polls waits for it before it is told the last state that
# was known.
WAIT_SECONDS = 3.0
PATIENCE_SECONDS = 1.0
# Some 2 KiB each.
JOBS = 4096

_Key = tuple[str, JobRecord]


@dataclass(frozen=True)
class _Asked:
    """A question to Airflow, for how many seconds and until when its answer is good, and what is answered meanwhile."""

    seconds: float
    until: float
    meanwhile: Future[Run] | None
    answer: Future[Run] = field(default_factory=Future)

    @property
    def latest(self) -> Future[Run]:
        """The newest answer that is there, or that there will be."""
        return self.answer if self.answer.done() or self.meanwhile is None else self.meanwhile


class RecentRuns:
    """Asks Airflow for a run, unless it has just been asked; what the ledger says anew of a job makes it ask anew."""

    def __init__(self, airflow: AirflowApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._airflow = airflow
        self._clock = clock
        self._recent: LRUCache[_Key, _Asked] = LRUCache(JOBS)
        self._lock = threading.Lock()
        self._asking = ThreadPoolExecutor(QUESTIONS_AT_ONCE, "airflow")

    def run(self, view: JobView) -> Run:
        """Give a job's run as it was some seconds ago; raises ServiceUnavailable, for as long, when Airflow is away."""
        # Progress changes all the time, and says nothing that Airflow would know.
        key = (view.run_id, replace(view.record, percent=0.0, last=None))
        with self._lock:
            asked, now = self._recent.get(key), self._clock()
            if asked is None or now >= asked.until:
                asked = self._recent[key] = _next(view.record, asked, now)
                self._asking.submit(self._ask, view, asked.answer)
        try:
            return asked.latest.result(PATIENCE_SECONDS)
        except TimeoutError:
            raise self._airflow.unavailable(f"it was silent for {PATIENCE_SECONDS:g} seconds") from None

    def _ask(self, view: JobView, answer: Future[Run]) -> None:
        try:
            answer.set_result(self._airflow.run(view.received.kind, view.run_id, WAIT_SECONDS))
        except BaseException as error:
            answer.set_exception(error)


def _next(record: JobRecord, before: _Asked | None, now: float) -> _Asked:
    if before is None:
        seconds = ENDING_SECONDS if record.is_stopped else FRESH_SECONDS
        return _Asked(seconds, now + seconds, meanwhile=None)
    # Nobody waits for the new answer while the one before is hardly too old.
    is_good = before.answer.done() and now < before.until + before.seconds
    seconds = min(before.seconds * GROWTH, LONGEST_SECONDS)
    return _Asked(seconds, now + seconds, before.answer if is_good else None)
