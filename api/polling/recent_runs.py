"""Cache the runs of jobs that clients poll, and refresh them in the background.

Used by `api.routes.state`. No poll waits for Airflow: it is answered from this cache, or from the ledger while the run is
unknown. Each process of the server has one refresher thread, which ends when no job is polled any more.
"""

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable

from api.polling.polled_job import PolledJob, run_key
from ingest.errors.types import ServiceUnavailable
from ingest.ledger.jobs import JobSnapshot
from ingest.orchestrator.client import RUNS_PER_REQUEST, AirflowApi
from ingest.states.airflow import Run

logger = logging.getLogger(__name__)

# A job that was not polled for this long is removed from the cache.
POLLED_SECONDS = 10.0
# For each request to Airflow.
REQUEST_TIMEOUT_SECONDS = 3.0
# About 4 KiB each. The jobs that were polled longest ago are removed first.
MAX_JOBS = 8192


class RecentRuns:
    """The last known runs of the jobs that are being polled; one object serves all threads of a process."""

    def __init__(
        self,
        airflow: AirflowApi,
        clock: Callable[[], float] = time.monotonic,
        on_end: Callable[[JobSnapshot, Run], None] = lambda _snapshot, _run: None,
    ) -> None:
        """`on_end` is called once for each run that has ended, by the refresher, even if its client polls no more."""
        self._airflow = airflow
        self._clock = clock
        self._on_end = on_end
        self._reset()
        # A forked process has no refresher, and may have inherited a locked lock.
        reset = weakref.WeakMethod(self._reset)
        os.register_at_fork(after_in_child=lambda: (method := reset()) and method())

    def run(self, snapshot: JobSnapshot) -> Run | None:
        """Return the last known run of a job, or None before Airflow's first answer. Never waits.

        A run that was read before the job's last change in the ledger, or before its run was changed, is not returned.
        Raises ServiceUnavailable when Airflow failed to answer.
        """
        with self._changed:
            now = self._clock()
            polled = self._polled.pop(snapshot.run_id, None)
            if polled is None or run_key(polled.snapshot) != run_key(snapshot):
                polled = PolledJob(snapshot, now)
            polled.polled = now
            # The dictionary is in the order of the last polls.
            self._polled[snapshot.run_id] = polled
            if len(self._polled) > MAX_JOBS:
                del self._polled[next(iter(self._polled))]
            if now >= polled.due:
                self._wake_refresher()
            if polled.failure:
                raise polled.failure
            return polled.run

    def forget(self, snapshot: JobSnapshot) -> None:
        """Stop refreshing the run of a job, because the job's state no longer depends on it."""
        with self._changed:
            self._polled.pop(snapshot.run_id, None)

    def _reset(self) -> None:
        self._polled: dict[str, PolledJob] = {}
        self._changed = threading.Condition()
        self._refresher: threading.Thread | None = None

    def _wake_refresher(self) -> None:
        if self._refresher is None:
            # A daemon thread, so that a process can end without waiting for Airflow.
            self._refresher = threading.Thread(target=self._refresh, name="recent runs", daemon=True)
            self._refresher.start()
        self._changed.notify()

    def _refresh(self) -> None:
        while (due := self._next_due()) is not None:
            if due:
                self._request(due[:RUNS_PER_REQUEST], due)

    def _next_due(self) -> list[PolledJob] | None:
        """Return the jobs that are due, longest overdue first, or wait for the next one; None when no job is polled."""
        with self._changed:
            now = self._clock()
            for run_id, polled in list(self._polled.items()):
                if now - polled.polled > POLLED_SECONDS:
                    del self._polled[run_id]
            if not self._polled:
                self._refresher = None
                return None
            by_time = sorted(self._polled.values(), key=lambda each: each.due)
            due = [each for each in by_time if each.due <= now]
            if not due:
                self._changed.wait(by_time[0].due - now)
            return due

    def _request(self, batch: list[PolledJob], due: list[PolledJob]) -> None:
        """Request the runs of a batch. A failure is recorded for all jobs that are due, so that it costs one timeout."""
        requested = self._clock()
        dags = {each.snapshot.run_id: each.snapshot.received.kind for each in batch}
        try:
            runs = self._airflow.runs(dags, REQUEST_TIMEOUT_SECONDS)
        except ServiceUnavailable as failure:
            self._record([(each, None, failure) for each in due], requested)
        except Exception as error:
            logger.exception("cannot read the runs of jobs")
            self._record([(each, None, self._airflow.unavailable(str(error))) for each in due], requested)
        else:
            self._report_ended(batch, runs)
            self._record([(each, runs[each.snapshot.run_id], None) for each in batch], requested)

    def _record(self, answers: list[tuple[PolledJob, Run | None, ServiceUnavailable | None]], requested: float) -> None:
        with self._changed:
            for polled, run, failure in answers:
                polled.requested, polled.run, polled.failure = requested, run, failure

    def _report_ended(self, batch: list[PolledJob], runs: dict[str, Run]) -> None:
        for each in batch:
            run = runs[each.snapshot.run_id]
            if run.has_ended and not (each.run and each.run.has_ended):
                try:
                    self._on_end(each.snapshot, run)
                except Exception:
                    logger.exception("cannot keep the end of %s", each.snapshot.run_id)
