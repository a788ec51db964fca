"""Wake the requests that wait for a change of a job (`Prefer: wait`): one thread and one query for all of them.

Used by `api.routes.jobs`. The thread runs while requests wait. A request that waits occupies neither a thread nor a
connection to the database.
"""

import logging
import threading
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass

from api.polling.run_reading import needs_run, read_run
from api.resources import Resources
from ingest.errors.types import DatabaseUnavailable
from ingest.ledger import jobs
from ingest.ledger.jobs import JobSnapshot
from ingest.states.airflow import Run
from ingest.states.job_state import job_state

logger = logging.getLogger(__name__)

# Together with the query, a client learns of a change within a second.
POLL_SECONDS = 0.5
MAX_WAITING = 1000

Wake = Callable[[], None]


def fingerprint(snapshot: JobSnapshot, run: Run | None) -> Hashable:
    """Return a value that differs after each change of a job or of its run that an answer shows."""
    return snapshot.updated, snapshot.run_changes, job_state(snapshot.record, run), run is not None and run.is_working


def read_fingerprints(resources: Resources, job_ids: Collection[int]) -> dict[int, Hashable]:
    """Read the fingerprints of jobs with one query; raises DatabaseUnavailable."""
    found = jobs.read_several(resources.engine, job_ids)
    return {
        job_id: fingerprint(snapshot, read_run(resources, snapshot).run if needs_run(snapshot) else None)
        for job_id, snapshot in found.items()
    }


@dataclass(frozen=True, eq=False)
class JobSubscription:
    """One request that waits until its job no longer has a fingerprint; see `api.serving.held_requests`."""

    changes: "JobChanges"
    job_id: int
    seen: Hashable

    def start(self, wake: Wake) -> None:
        """Call `wake` when the job has changed."""
        self.changes.add(self, wake)

    def cancel(self) -> None:
        """Stop waiting."""
        self.changes.remove(self)


class JobChanges:
    """The requests that wait; one object serves all threads of a process."""

    def __init__(
        self,
        read: Callable[[Collection[int]], Mapping[int, Hashable]],
        interval: float = POLL_SECONDS,
        most: int = MAX_WAITING,
    ) -> None:
        self._read = read
        self._interval = interval
        self._most = most
        self._lock = threading.Lock()
        self._waiting: dict[JobSubscription, Wake] = {}
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """The number of requests that wait."""
        return len(self._waiting)

    def subscribe(self, job_id: int, seen: Hashable) -> JobSubscription | None:
        """Return a subscription, which the caller starts; None when too many requests wait."""
        return JobSubscription(self, job_id, seen) if len(self._waiting) < self._most else None

    def add(self, subscription: JobSubscription, wake: Wake) -> None:
        """Add a request that waits."""
        with self._lock:
            self._waiting[subscription] = wake
            if self._thread is None:
                # A daemon thread, so that a process can end without waiting for the database.
                self._thread = threading.Thread(target=self._poll, name="job changes", daemon=True)
                self._thread.start()

    def remove(self, subscription: JobSubscription) -> None:
        """Remove a request that no longer waits."""
        with self._lock:
            self._waiting.pop(subscription, None)

    def _poll(self) -> None:
        pause = threading.Event()
        while job_ids := self._next_jobs():
            try:
                self._wake_changed(self._read(job_ids))
            except DatabaseUnavailable as error:
                logger.warning("cannot look for changes of jobs: %s", error.text)
            except Exception:
                logger.exception("cannot look for changes of jobs")
            pause.wait(self._interval)

    def _next_jobs(self) -> set[int]:
        """Return the jobs that requests wait for; if there are none, this thread ends."""
        with self._lock:
            if not self._waiting:
                self._thread = None
            return {subscription.job_id for subscription in self._waiting}

    def _wake_changed(self, found: Mapping[int, Hashable]) -> None:
        with self._lock:
            waiting = list(self._waiting.items())
        for subscription, wake in waiting:
            # A job that was not read, because its request came later, is read next time.
            if found.get(subscription.job_id, subscription.seen) != subscription.seen:
                self.remove(subscription)
                wake()
