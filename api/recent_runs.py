"""What Airflow has said of the runs of jobs, kept for a moment: however many clients poll, Airflow is asked seldom.

Used by `api.state`. Each process of the server keeps its own.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from cachetools import LRUCache

from ingest.airflow_api import AirflowApi
from ingest.errors import ServiceUnavailable
from ingest.jobs import JobView
from ingest.states import JobRecord, Run

# Of two processes, so that together they ask at most once a second for a job that is polled.
FRESH_SECONDS = 2.0
# The stage has failed, and the moment at which Airflow has ended the run is what all its pollers wait for.
ENDING_SECONDS = 0.25
# The longer nothing has changed, the less often it is asked for, by this factor and at least this often.
GROWTH = 1.5
LONGEST_SECONDS = 10.0
# A client that polls is told the last state that was known, rather than wait for an Airflow that is busy.
WAIT_SECONDS = 3.0
# Some 2 KiB each.
JOBS = 4096

_Key = tuple[str, JobRecord]


@dataclass(frozen=True)
class _Asked:
    """A question to Airflow, and for how many seconds and until when its answer is good enough."""

    seconds: float
    until: float
    answer: Future[Run] = field(default_factory=Future)


class RecentRuns:
    """Asks Airflow for a run, unless it has just been asked; what the ledger says anew of a job makes it ask anew."""

    def __init__(self, airflow: AirflowApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._airflow = airflow
        self._clock = clock
        self._recent: LRUCache[_Key, _Asked] = LRUCache(JOBS)
        self._lock = threading.Lock()

    def run(self, view: JobView) -> Run:
        """Give a job's run as it was some seconds ago; raises ServiceUnavailable, for as long, when Airflow is away."""
        # Progress changes all the time, and says nothing that Airflow would know.
        key = (view.run_id, replace(view.record, percent=0.0, last=None))
        with self._lock:
            before, now = self._recent.get(key), self._clock()
            is_fresh = before is not None and now < before.until
            asked = before if before is not None and is_fresh else _next(view.record, before, now)
            self._recent[key] = asked
        if not is_fresh:
            self._ask(view, asked.answer)
        # Whoever comes while the answer is awaited waits for the same one.
        return asked.answer.result()

    def _ask(self, view: JobView, answer: Future[Run]) -> None:
        try:
            answer.set_result(self._airflow.run(view.received.kind, view.run_id, WAIT_SECONDS))
        except ServiceUnavailable as error:
            answer.set_exception(error)


def _next(record: JobRecord, before: _Asked | None, now: float) -> _Asked:
    first = ENDING_SECONDS if record.is_stopped else FRESH_SECONDS
    seconds = min(before.seconds * GROWTH, LONGEST_SECONDS) if before else first
    return _Asked(seconds, now + seconds)
