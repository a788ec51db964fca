"""Coalesce concurrent reads of jobs: requests that arrive during a query share the next one.

Used by `api.routes.state`. A single client notices no difference. Each query begins after the requests that share it have
arrived, so that no answer is older than its request.
"""

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy import Engine

from ingest.errors.types import DatabaseUnavailable
from ingest.ledger import jobs
from ingest.ledger.jobs import JobSnapshot

# How long a poll waits for an unresponsive database.
QUERY_TIMEOUT_SECONDS = 10.0
TIMEOUT_TEXT = f"the database of jobs did not respond for {QUERY_TIMEOUT_SECONDS:g} s"
# While several clients poll, a query begins this long after the previous one: it costs as much time of the processor as
# several answers, and so serves more of them. A single client never waits for it.
INTERVAL_SECONDS = 0.01
# Requests that join and are refused before they read anything must not make one query arbitrarily long.
MAX_JOBS = 500


@dataclass(eq=False)
class Batch:
    """The jobs of one query, and its result."""

    job_ids: set[int] = field(default_factory=set)
    requests: int = 0
    is_taken: bool = False
    found: Future[dict[int, JobSnapshot]] = field(default_factory=Future)


class BatchedReads:
    """Reads jobs, one query at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._next: Batch | None = None
        self._next_lock = threading.Lock()
        self._query_lock = threading.Lock()
        self._begun = 0.0
        self._had_several = False

    @property
    def waiting(self) -> set[int]:
        """The jobs of the next query."""
        with self._next_lock:
            return set(self._next.job_ids) if self._next else set()

    def join(self, job_id: int) -> Batch:
        """Add a job to the next query, for a request that has arrived and reads the job later. Never waits."""
        with self._next_lock:
            if self._next is None or len(self._next.job_ids) >= MAX_JOBS:
                self._next = Batch()
            self._next.job_ids.add(job_id)
            self._next.requests += 1
            return self._next

    def read(self, job_id: int, joined: Batch | None = None) -> JobSnapshot:
        """Read a job, with the query that the request has joined if there is one.

        Raises UnknownJob (ReceivedByOriginal), DatabaseUnavailable (also after a timeout).
        """
        batch = joined or self.join(job_id)
        if self._take(batch):
            self._query(batch)
        try:
            found = batch.found.result(QUERY_TIMEOUT_SECONDS)
        except TimeoutError:
            raise DatabaseUnavailable(TIMEOUT_TEXT) from None
        # Unknown ids are rare; a query of their own finds out whether the original service received them.
        return found.get(job_id) or jobs.read(self._engine, job_id)

    def _take(self, batch: Batch) -> bool:
        """Return True to the first of the requests that share a query, which runs it for all of them."""
        with self._next_lock:
            is_first, batch.is_taken = not batch.is_taken, True
            return is_first

    def _pause(self) -> float:
        """Return the seconds until the next query should begin, so that more requests join it."""
        return max(0.0, self._begun + INTERVAL_SECONDS - time.monotonic()) if self._had_several else 0.0

    def _query(self, batch: Batch) -> None:
        """Query the jobs of all requests that arrived before the previous query ended."""
        time.sleep(self._pause())
        is_locked = self._query_lock.acquire(timeout=QUERY_TIMEOUT_SECONDS)
        with self._next_lock:
            if self._next is batch:
                self._next = None
        if not is_locked:
            batch.found.set_exception(DatabaseUnavailable(TIMEOUT_TEXT))
            return
        try:
            self._begun, self._had_several = time.monotonic(), batch.requests > 1
            batch.found.set_result(jobs.read_several(self._engine, batch.job_ids))
        except BaseException as error:
            batch.found.set_exception(error)
        finally:
            self._query_lock.release()
