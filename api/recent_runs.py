"""What Airflow has said of the runs of jobs, kept for a moment: however many clients poll, Airflow is asked seldom.

Used by `api.state`. Each process of the server keeps its own.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from cachetools import LRUCache

from ingest.airflow_api import RUNS_AT_ONCE, AirflowApi
from ingest.jobs import JobView
from ingest.states import JobRecord, Run

# For so long an answer is good at first. There are two processes, so together they ask at most once a second.
FRESH_SECONDS = 2.0
# The stage has failed, and the moment at which Airflow has ended the run is what all its pollers wait for.
ENDING_SECONDS = 0.25
LONGEST_ENDING_SECONDS = 1.0
# The longer nothing has changed, the less often it is asked for, by this factor and at least this often.
GROWTH = 1.5
LONGEST_SECONDS = 10.0
# How long an answer of Airflow may take, and how long a client that polls waits for it before it is told the last state that
# was known.
WAIT_SECONDS = 3.0
PATIENCE_SECONDS = 1.0
# Some 2 KiB each.
JOBS = 4096
# The fewer there are, the more jobs wait for the next one, which costs Airflow little more than one for one job.
BATCHES_AT_ONCE = 2

_Key = tuple[str, int, JobRecord]


@dataclass(frozen=True)
class _Asked:
    """A question to Airflow: for how many seconds and until when its answer is good, and the one before it."""

    seconds: float
    until: float
    before: "_Asked | None"
    answer: Future[Run] = field(default_factory=Future)

    def latest(self, now: float) -> Future[Run]:
        """The newest answer: nobody waits for it while the one before is hardly too old."""
        if self.before and not self.answer.done() and now < self.before.until + self.before.seconds:
            return self.before.answer
        return self.answer


class RecentRuns:
    """Asks Airflow for runs, several at once, unless it was just asked; what the ledger says anew makes it ask anew."""

    def __init__(self, airflow: AirflowApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._airflow = airflow
        self._clock = clock
        self._recent: LRUCache[_Key, _Asked] = LRUCache(JOBS)
        self._lock = threading.Lock()
        self._unasked: list[tuple[JobView, Future[Run]]] = []
        self._asking = ThreadPoolExecutor(BATCHES_AT_ONCE, "airflow")

    @property
    def waiting(self) -> list[str]:
        """The runs of the next questions."""
        with self._lock:
            return [view.run_id for view, _ in self._unasked]

    def run(self, view: JobView) -> Run:
        """Give a job's run as it was some seconds ago; raises ServiceUnavailable, for as long, when Airflow is away."""
        # Progress changes all the time, and says nothing that Airflow would know.
        key = (view.run_id, view.run_changes, replace(view.record, percent=0.0, last=None))
        with self._lock:
            asked, now = self._recent.get(key), self._clock()
            # Once: what Airflow has not answered yet it is not asked again.
            if asked is None or (now >= asked.until and asked.answer.done()):
                asked = self._recent[key] = _next(view.record, asked, now)
                self._unasked.append((view, asked.answer))
                self._asking.submit(self._ask)
        try:
            return asked.latest(now).result(PATIENCE_SECONDS)
        except TimeoutError:
            raise self._airflow.unavailable(f"it was silent for {PATIENCE_SECONDS:g} seconds") from None

    def _ask(self) -> None:
        """Ask for all that wait to be asked for, as many as fit into one question.

        When Airflow is away, all that wait are told so: nobody finds it out anew.
        """
        with self._lock:
            batch, self._unasked = self._unasked[:RUNS_AT_ONCE], self._unasked[RUNS_AT_ONCE:]
        if not batch:
            return
        try:
            runs = self._airflow.runs({view.run_id: view.received.kind for view, _ in batch}, WAIT_SECONDS)
        except BaseException as error:
            with self._lock:
                batch, self._unasked = batch + self._unasked, []
            for _, answer in batch:
                answer.set_exception(error)
        else:
            for view, answer in batch:
                answer.set_result(runs[view.run_id])


def _next(record: JobRecord, before: _Asked | None, now: float) -> _Asked:
    if before is None:
        seconds = ENDING_SECONDS if record.is_stopped else FRESH_SECONDS
        return _Asked(seconds, now + seconds, None)
    seconds = min(before.seconds * GROWTH, LONGEST_ENDING_SECONDS if record.is_stopped else LONGEST_SECONDS)
    # What came before the one before is of no use any more.
    return _Asked(seconds, now + seconds, replace(before, before=None))
