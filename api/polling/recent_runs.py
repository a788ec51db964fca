"""Keep what Airflow said last of the runs of jobs that are being polled, and refresh it in the background.

Used by `api.routes.state`. No poll waits for Airflow: it is answered from what is kept here, or from the ledger while
nothing is known yet. Each process of the server has one refresher, which ends when nothing is polled any more.
"""

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.jobs import JobSnapshot
from ingest.orchestrator.client import RUNS_PER_REQUEST, AirflowApi
from ingest.states.airflow import Run
from ingest.states.job_record import JobRecord

logger = logging.getLogger(__name__)

# Together with the time of a request, no answer is older than two seconds while Airflow answers.
REFRESH_SECONDS = 1.5
# The stage has failed for good, and all pollers wait for the moment at which Airflow has ended the run.
ENDING_SECONDS = 0.5
# A job that was not polled for so long is forgotten, and no longer refreshed.
POLLED_SECONDS = 10.0
# The limit of each request to Airflow.
WAIT_SECONDS = 3.0
# Some 4 KiB each. The jobs that were polled longest ago are forgotten first.
JOBS = 8192

RunKey = tuple[str, int, JobRecord]


@dataclass
class _Polled:
    """A job that is being polled, and Airflow's last answer about its run: a run, a failure, or nothing yet."""

    snapshot: JobSnapshot
    polled: float
    requested: float | None = None
    run: Run | None = None
    failure: ServiceUnavailable | None = None

    @property
    def due(self) -> float:
        """The time of the next request."""
        if self.requested is None:
            return self.polled
        ends_soon = self.snapshot.record.is_stopped and not (
            self.run and (self.run.has_ended or self.run.state is None)
        )
        return self.requested + (ENDING_SECONDS if ends_soon else REFRESH_SECONDS)


class RecentRuns:
    """The last known runs of the jobs that are being polled; one object serves all threads of a process."""

    def __init__(
        self,
        airflow: AirflowApi,
        clock: Callable[[], float] = time.monotonic,
        on_end: Callable[[JobSnapshot, Run], None] = lambda _view, _run: None,
    ) -> None:
        """`on_end` is called once for each run that has ended, by the refresher, also when its client polls no more."""
        self._airflow = airflow
        self._clock = clock
        self._on_end = on_end
        self._begin()
        # A process that is forked has no refresher, and may have got a lock that nobody releases.
        begin = weakref.WeakMethod(self._begin)
        os.register_at_fork(after_in_child=lambda: (again := begin()) and again())

    def run(self, snapshot: JobSnapshot) -> Run | None:
        """Return the last known run of a job, None before Airflow has answered; raises ServiceUnavailable when it failed to.

        Never waits. A run that was read before the ledger said something new of the job, or before its run was changed, is
        not returned.
        """
        with self._changed:
            now = self._clock()
            polled = self._polled.pop(snapshot.run_id, None)
            if polled is None or run_key(polled.snapshot) != run_key(snapshot):
                polled = _Polled(snapshot, now)
            polled.polled = now
            # The last one of the dictionary is the one that was polled last.
            self._polled[snapshot.run_id] = polled
            if len(self._polled) > JOBS:
                del self._polled[next(iter(self._polled))]
            if now >= polled.due:
                self._wake_refresher()
            if polled.failure:
                raise polled.failure
            return polled.run

    def forget(self, snapshot: JobSnapshot) -> None:
        """Refresh the run of a job no longer, because its state does not depend on it any more."""
        with self._changed:
            self._polled.pop(snapshot.run_id, None)

    def _begin(self) -> None:
        self._polled: dict[str, _Polled] = {}
        self._changed = threading.Condition()
        self._refresher: threading.Thread | None = None

    def _wake_refresher(self) -> None:
        if self._refresher is None:
            # A process that ends does not wait for what Airflow answers.
            self._refresher = threading.Thread(target=self._refresh, name="recent runs", daemon=True)
            self._refresher.start()
        self._changed.notify()

    def _refresh(self) -> None:
        while (due := self._next_due()) is not None:
            if due:
                self._request(due[:RUNS_PER_REQUEST], due)

    def _next_due(self) -> list[_Polled] | None:
        """Return the jobs that are due now, the longest due first, or wait for the next one; None when nothing is polled."""
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

    def _request(self, batch: list[_Polled], due: list[_Polled]) -> None:
        """Request the runs of a batch; a failure is the answer for all that are due, so that it costs one time-out only."""
        requested = self._clock()
        dags = {each.snapshot.run_id: each.snapshot.received.kind for each in batch}
        try:
            runs = self._airflow.runs(dags, WAIT_SECONDS)
        except ServiceUnavailable as failure:
            self._answer([(each, None, failure) for each in due], requested)
        except Exception as error:
            logger.exception("the runs of jobs cannot be read")
            self._answer([(each, None, self._airflow.unavailable(str(error))) for each in due], requested)
        else:
            self._report_ended(batch, runs)
            self._answer([(each, runs[each.snapshot.run_id], None) for each in batch], requested)

    def _answer(self, answers: list[tuple[_Polled, Run | None, ServiceUnavailable | None]], requested: float) -> None:
        with self._changed:
            for polled, run, failure in answers:
                polled.requested, polled.run, polled.failure = requested, run, failure

    def _report_ended(self, batch: list[_Polled], runs: dict[str, Run]) -> None:
        for each in batch:
            run = runs[each.snapshot.run_id]
            if run.has_ended and not (each.run and each.run.has_ended):
                try:
                    self._on_end(each.snapshot, run)
                except Exception:
                    logger.exception("the end of %s cannot be kept", each.snapshot.run_id)


def run_key(snapshot: JobSnapshot) -> RunKey:
    """Return what makes a run that was read out of date when it differs."""
    # Progress changes all the time, and says nothing that Airflow would know.
    return snapshot.run_id, snapshot.run_changes, replace(snapshot.record, percent=0.0, last=None)
