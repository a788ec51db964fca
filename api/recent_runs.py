"""What Airflow has said of the runs of jobs, kept for a moment: however many clients poll, Airflow is asked seldom.

Used by `api.state`. Each process of the server keeps its own.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from cachetools import TLRUCache

from ingest.airflow_api import AirflowApi
from ingest.errors import ServiceUnavailable
from ingest.jobs import JobView
from ingest.states import JobRecord, Run

# Of two processes, so that together they ask once a second for a job that is polled.
FRESH_SECONDS = 2.0
# The stage has failed, and the moment at which Airflow has ended the run is what all its pollers wait for.
ENDING_SECONDS = 0.25
# Some 2 KiB each.
JOBS = 4096

_Key = tuple[str, JobRecord]


class RecentRuns:
    """Asks Airflow for a run, unless it has just been asked; what the ledger says anew of a job makes it ask anew."""

    def __init__(self, airflow: AirflowApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._airflow = airflow
        self._recent: TLRUCache[_Key, Future[Run]] = TLRUCache(JOBS, _good_until, clock)
        self._lock = threading.Lock()

    def run(self, view: JobView) -> Run:
        """Give a job's run, at most `FRESH_SECONDS` old; raises ServiceUnavailable, for as long, when Airflow is away."""
        # Progress changes all the time, and says nothing that Airflow would know.
        key = (view.run_id, replace(view.record, percent=0.0, last=None))
        with self._lock:
            asked = self._recent.get(key)
            if asked is None:
                self._recent[key] = mine = Future[Run]()
        # Whoever comes while the answer is awaited waits for the same one.
        return asked.result() if asked else self._ask(view, mine)

    def _ask(self, view: JobView, answer: Future[Run]) -> Run:
        try:
            answer.set_result(self._airflow.run(view.received.kind, view.run_id))
        except ServiceUnavailable as error:
            answer.set_exception(error)
        return answer.result()


def _good_until(key: _Key, _answer: Future[Run], now: float) -> float:
    _, record = key
    return now + (ENDING_SECONDS if record.is_stopped else FRESH_SECONDS)
