"""Coalesce concurrent reads of jobs: requests that arrive during a query share the next one.

Used by `api.routes.state`. A single client notices no difference. Each query begins after the requests that share it have
arrived, so that no answer is older than its request.
"""

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy import Engine

from ingest.errors.types import DatabaseUnavailable
from ingest.ledger import jobs
from ingest.ledger.jobs import JobSnapshot

# How long a poll waits for an unresponsive database.
QUERY_TIMEOUT_SECONDS = 10.0
TIMEOUT_TEXT = f"the database of jobs did not respond for {QUERY_TIMEOUT_SECONDS:g} s"


@dataclass
class _Batch:
    """The jobs of one query, and its result."""

    job_ids: set[int] = field(default_factory=set)
    found: Future[dict[int, JobSnapshot]] = field(default_factory=Future)


class BatchedReads:
    """Reads jobs, one query at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._next: _Batch | None = None
        self._next_lock = threading.Lock()
        self._query_lock = threading.Lock()

    @property
    def waiting(self) -> set[int]:
        """The jobs of the next query."""
        with self._next_lock:
            return set(self._next.job_ids) if self._next else set()

    def read(self, job_id: int) -> JobSnapshot:
        """Read a job; raises UnknownJob (ReceivedByOriginal), DatabaseUnavailable (also after a timeout)."""
        with self._next_lock:
            is_first = self._next is None
            batch = self._next = self._next or _Batch()
            batch.job_ids.add(job_id)
        if is_first:
            self._query(batch)
        try:
            found = batch.found.result(QUERY_TIMEOUT_SECONDS)
        except TimeoutError:
            raise DatabaseUnavailable(TIMEOUT_TEXT) from None
        # Unknown ids are rare; a query of their own finds out whether the original service received them.
        return found.get(job_id) or jobs.read(self._engine, job_id)

    def _query(self, batch: _Batch) -> None:
        """Query the jobs of all requests that arrived before the previous query ended."""
        is_locked = self._query_lock.acquire(timeout=QUERY_TIMEOUT_SECONDS)
        with self._next_lock:
            self._next = None
        if not is_locked:
            batch.found.set_exception(DatabaseUnavailable(TIMEOUT_TEXT))
            return
        try:
            batch.found.set_result(jobs.read_several(self._engine, batch.job_ids))
        except BaseException as error:
            batch.found.set_exception(error)
        finally:
            self._query_lock.release()
