"""Reading jobs for many clients at once: whoever comes while the database is being asked is part of the next question.

Used by `api.routes.state`. One client is answered as if this were not here; of hundreds that poll, all that wait are
answered by one query, which begins after each of them has come, so that nobody is told what was true before.
"""

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy import Engine

from ingest.errors.types import DatabaseUnavailable
from ingest.ledger import jobs
from ingest.ledger.jobs import JobSnapshot

# Nobody who polls waits longer for a database that is alive and does not answer.
PATIENCE_SECONDS = 10.0
SILENT = "the database of jobs: it does not answer"


@dataclass
class _Batch:
    """The jobs of one query, and what it gives."""

    job_ids: set[int] = field(default_factory=set)
    found: Future[dict[int, JobSnapshot]] = field(default_factory=Future)


class BatchedReads:
    """Reads jobs, one query at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._next: _Batch | None = None
        self._gathering = threading.Lock()
        self._asking = threading.Lock()

    @property
    def waiting(self) -> set[int]:
        """The jobs of the next query."""
        with self._gathering:
            return set(self._next.job_ids) if self._next else set()

    def read(self, job_id: int) -> JobSnapshot:
        """Read a job; raises UnknownJob (ReceivedByOriginal); DatabaseUnavailable, also when it is silent for seconds."""
        with self._gathering:
            is_first = self._next is None
            batch = self._next = self._next or _Batch()
            batch.job_ids.add(job_id)
        if is_first:
            self._ask(batch)
        try:
            found = batch.found.result(PATIENCE_SECONDS)
        except TimeoutError:
            raise DatabaseUnavailable(SILENT) from None
        # What is no job of ours is rare, and to say what it is takes more than this query.
        return found.get(job_id) or jobs.read(self._engine, job_id)

    def _ask(self, batch: _Batch) -> None:
        """Ask for all that have come until the query before has ended."""
        is_my_turn = self._asking.acquire(timeout=PATIENCE_SECONDS)
        with self._gathering:
            self._next = None
        if not is_my_turn:
            batch.found.set_exception(DatabaseUnavailable(SILENT))
            return
        try:
            batch.found.set_result(jobs.read_several(self._engine, batch.job_ids))
        except BaseException as error:
            batch.found.set_exception(error)
        finally:
            self._asking.release()
