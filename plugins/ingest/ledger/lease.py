"""The lease of a job: one process at a time works on a job, and only the newest may write.

Called by the stages' wrapper and the operations (`acquire_job`), and by the stages through the `JobLease` that it yields.
Two processes of one stage can run simultaneously: after a Clear the old one continues for seconds; after its supervisor was
killed, until it ends. So each process that acquires a job increments the job's fence. A write of an older process then
matches no row and raises FenceLost.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select
from sqlalchemy.orm import Session

from ingest.errors.types import FenceLost, StageSkipped
from ingest.ledger import database
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.connection_check import is_idle
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.job_acquisition import has_nothing_left, hold, start_stage
from ingest.ledger.job_predicates import IS_CANCELED
from ingest.ledger.job_snapshots import JobSnapshot, to_snapshot
from ingest.ledger.job_updates import RELEASED, update_columns
from ingest.ledger.jobs import lock_row
from ingest.ledger.locks import hold_job_lock
from ingest.ledger.models import Job
from ingest.ledger.stage_order import finished_before, latest_finished, missing_predecessors
from ingest.states.job_state import DONE
from ingest.states.stages import Stage
from ingest.states.waiting import Waiting

CHECK_SECONDS = 1.0
LOCK_OWN_ROW = CompiledStatement(
    select(Job.id).where(Job.id == bindparam("job_id"), Job.fence == bindparam("own_fence")).with_for_update()
)
# The attempt of a process that acquires a job for a purpose other than running a stage.
NO_ATTEMPT = 0


class JobLease:
    """A process's right to write for a job, while one stage of the job runs."""

    def __init__(self, engine: Engine, job: JobSnapshot, stage: Stage, attempt: int, fence: int) -> None:
        self.engine = engine
        # A snapshot from before this process acquired the job.
        self.job = job
        self.job_id = job.received.job_id
        self.stage = stage
        self.attempt = attempt
        self._fence = fence
        self._checked = time.monotonic()
        self._connection: Connection | None = None
        self._thread = 0

    def use_connection(self, connection: Connection | None) -> None:
        """Use the connection that holds the lock of the job for the transactions of this thread, or none."""
        self._connection, self._thread = connection, threading.get_ident()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a short transaction that locks the job's row; raises FenceLost, DatabaseUnavailable."""
        with database.transaction(self._bind()) as session:
            if LOCK_OWN_ROW.execute(session, job_id=self.job_id, own_fence=self._fence).first() is None:
                raise FenceLost(f"a newer process works on job {self.job_id}, or it was canceled or stopped by hand")
            yield session

    def _bind(self) -> Engine | Connection:
        """Return the connection that holds the lock if this thread may use it, otherwise the engine.

        PostgreSQL ends a session, and with it the lock, when a suspended process leaves a transaction open for a minute. So
        only the thread that acquired the job uses this connection: in a transaction, it sends nothing to a service, and its
        transaction fails when the process continues. Other threads have connections of their own. When the lock is lost, the
        fence still holds.
        """
        connection = self._connection
        if connection is None or threading.get_ident() != self._thread:
            return self.engine
        if connection.invalidated or not is_idle(connection.connection.dbapi_connection):
            self._connection = None
            return self.engine
        return connection

    def report_progress(self, done: int, total: int) -> None:
        """Record progress (in bytes, or in anything counted), at most once a second; raises FenceLost.

        Stages call it often while they work, because it also checks that this process still holds the job.
        """
        if self._is_check_due():
            self.update_job(percent=DONE * done / total if total else 0.0)

    def check_fence(self) -> None:
        """Raise FenceLost when a newer process holds the job; queries the database at most once a second.

        Call it before each write to another system that `report_progress` does not directly precede. A process that was
        suspended, or whose last request took long, must not delete or move files that its successor has archived since.
        """
        if self._is_check_due():
            with self.transaction():
                pass

    def is_canceled(self) -> bool:
        """Return whether the job was canceled after this process had acquired it. Waits for no lock of a row."""
        canceled = select(Job.id).where(Job.id == self.job_id, Job.fence != self._fence, IS_CANCELED)
        with database.transaction(self.engine) as session:
            return session.scalar(canceled) is not None

    def _is_check_due(self) -> bool:
        now = time.monotonic()
        if now - self._checked < CHECK_SECONDS:
            return False
        self._checked = now
        return True

    def update_job(self, **values: object) -> None:
        """Change columns of the job's row, in a transaction of its own."""
        with self.transaction() as session:
            update_columns(session, self.job_id, values)

    def event(self, kind: EventKind, text: str = "", code: str | None = None, **values: object) -> None:
        """Append an event and change the columns of the job's row that it describes, in a transaction of its own."""
        with self.transaction() as session:
            update_columns(session, self.job_id, values)
            self.add_event(session, kind, text, code)

    def add_event(self, session: Session, kind: EventKind, text: str = "", code: str | None = None) -> None:
        """Append an event in the caller's transaction."""
        add_event(session, self.job_id, kind, self.stage, self.attempt, code, text)

    def finish_stage(self) -> None:
        """Record that the stage has finished, and release the job."""
        values = {"finished": latest_finished(self.job.record, self.stage), **RELEASED}
        with self.transaction() as session:
            update_columns(session, self.job_id, values)
            self.add_event(session, EventKind.STAGE_FINISHED)

    def read_clock(self) -> datetime:
        """Return the time by the database's clock; raises FenceLost."""
        with self.transaction() as session:
            return database.read_clock(session)

    def fail_stage(
        self,
        code: str,
        text: str,
        *,
        final: bool,
        details: Mapping[str, Any] | None = None,
        waiting: Waiting | None = None,
    ) -> None:
        """Record why the stage failed, and release the job.

        `final` when no further attempt follows; `waiting` when one follows after a delay. `details` are kept with the error.
        """
        error = {"stage": self.stage, "code": code, "text": text, "final": final, "attempt": self.attempt}
        error.update(details or {})
        values: dict[str, Any] = {"error": error, "waiting": waiting and waiting.as_json(), "holder": None}
        if final:
            values["finished"] = finished_before(self.job.record, self.stage)
        with self.transaction() as session:
            update_columns(session, self.job_id, values)
            kind = EventKind.STAGE_FAILED if final else EventKind.STAGE_WILL_BE_RETRIED
            self.add_event(session, kind, text, code)

    def release(self) -> None:
        """Record that this process no longer works on the job, although no stage has ended."""
        with self.transaction() as session:
            update_columns(session, self.job_id, {"holder": None}, touch=False)

    def restart_stage(self, session: Session) -> None:
        """Record that this stage and those after it have not finished.

        Call it in the transaction that deletes what later stages need. When the stage finishes, the stages that had finished
        before count as finished again, because all that they need is there again.
        """
        finished = finished_before(self.job.record, self.stage)
        update_columns(session, self.job_id, {"finished": finished}, touch=False)

    def check_predecessors(self) -> None:
        """Raise StageSkipped unless the ledger holds every stage before this one as finished, whatever Airflow reports."""
        if missing := missing_predecessors(self.job.record, self.stage):
            labels = ", ".join(stage.label for stage in missing)
            raise StageSkipped(f"a stage was skipped or marked by hand ({labels}); retry the job")


@contextmanager
def acquire_job(
    engine: Engine, job_id: int, stage: Stage, attempt: int, *, by_admin: bool = False
) -> Iterator[JobLease | None]:
    """Acquire a job for one stage; yields None when the job is cataloged and nothing is left to do.

    With `by_admin` the process does not run the stage but changes the job's bundle or files: the outcome, the error and the
    override of the job stay. Raises UnknownJob, JobOverridden when an admin has failed the job, JobCanceled when the job was
    canceled and nothing of it is left to remove, JobBusy when an older process does not release it.
    """
    lease, left_uncleanly = _acquire(engine, job_id, stage, attempt, by_admin=by_admin)
    if lease is None:
        yield None
        return
    with hold_job_lock(engine, job_id) as connection:
        if left_uncleanly:
            # A request of the last holder may still arrive at a service; the holder stops at its next check.
            time.sleep(2 * CHECK_SECONDS)
        lease.use_connection(connection)
        try:
            yield lease
        finally:
            lease.use_connection(None)


def _acquire(
    engine: Engine, job_id: int, stage: Stage, attempt: int, *, by_admin: bool = False
) -> tuple[JobLease | None, bool]:
    """Increment the fence; return the lease and whether the last holder has not released the job."""
    with database.transaction(engine) as session:
        job = lock_row(session, job_id)
        if has_nothing_left(job, stage):
            return None, False
        snapshot = to_snapshot(job)
        if by_admin:
            hold(session, job, attempt)
            add_event(session, job_id, EventKind.ACQUIRED_BY_ADMIN, stage)
        else:
            start_stage(session, job, snapshot, stage, attempt)
            add_event(session, job_id, EventKind.STAGE_STARTED, stage, attempt)
        return JobLease(engine, snapshot, stage, attempt, job.fence + 1), snapshot.record.is_held
