"""The fence: one process at a time works on a job, and only the newest may write.

Called by the stages' wrapper (`acquire_job`) and, through the `JobLease` that it gives, by the stages. Two processes of
one stage can be alive at once: after a Clear the old one goes on for seconds, after its supervisor was killed until it
ends. Each that begins takes the job over by counting up its fence; every write of an older one then finds no row and
raises FenceLost.
"""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from ingest.errors.types import DatabaseUnavailable, FenceLost, JobBusy, JobOverridden, StageSkipped
from ingest.ledger import database
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.jobs import REMOVED, JobSnapshot, get_job, to_snapshot
from ingest.ledger.models import Job
from ingest.states.job_record import JobStatus, Outcome
from ingest.states.job_state import DONE
from ingest.states.stages import STAGES, Stage

CHECK_SECONDS = 1.0
LOCK_SECONDS = 60


class JobLease:
    """A process's hold on a job while one stage of it runs."""

    def __init__(self, engine: Engine, job: JobSnapshot, stage: Stage, attempt: int, fence: int) -> None:
        self.engine = engine
        self.job = job
        self.job_id = job.received.job_id
        self.stage = stage
        self.attempt = attempt
        self._fence = fence
        self._checked = time.monotonic()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open one short transaction in which the job is ours; raises FenceLost, DatabaseUnavailable."""
        mine = select(Job.id).where(Job.id == self.job_id, Job.fence == self._fence).with_for_update()
        with database.transaction(self.engine) as session:
            if session.execute(mine).first() is None:
                raise FenceLost(f"a newer process works on job {self.job_id}")
            yield session

    def report(self, done: int, total: int) -> None:
        """Record progress (of bytes, or of anything counted), at most once a second.

        To be called often while a stage works: it is also the check that this process still holds the job, and raises
        FenceLost when it does not.
        """
        if self._is_due():
            self.set(percent=DONE * done / total if total else 0.0)

    def check(self) -> None:
        """Raise FenceLost when a newer process holds the job; asks at most once a second.

        To be called before each write to the outside that `report` does not come just before: a process that was stopped, or
        whose last request took long, must not delete or move what its successor has archived since.
        """
        if self._is_due():
            with self.transaction():
                pass

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now - self._checked < CHECK_SECONDS:
            return False
        self._checked = now
        return True

    def set(self, **values: object) -> None:
        """Change columns of the job's row, in a transaction of its own."""
        with self.transaction() as session:
            session.execute(update(Job).where(Job.id == self.job_id).values(updated=func.now(), **values))

    def event(self, kind: EventKind, text: str = "", code: str | None = None, **values: object) -> None:
        """Append an event and change the columns of the job's row that it tells of, in a transaction of its own."""
        with self.transaction() as session:
            session.execute(update(Job).where(Job.id == self.job_id).values(updated=func.now(), **values))
            self.add_event(session, kind, text, code)

    def add_event(self, session: Session, kind: EventKind, text: str = "", code: str | None = None) -> None:
        """Append an event in the transaction that it tells of."""
        add_event(session, self.job_id, kind, self.stage, self.attempt, code, text)

    def finish(self) -> None:
        """Record that the stage ended well, and let go."""
        finished = furthest(self.job, self.stage)
        with self.transaction() as session:
            values = {"finished": finished, "percent": DONE, "error": None, "holder": None, "clears": 0}
            session.execute(update(Job).where(Job.id == self.job_id).values(updated=func.now(), **values))
            self.add_event(session, EventKind.STAGE_FINISHED)

    def fail(self, code: str, text: str, *, final: bool) -> None:
        """Record why the stage failed, and let go; `final` when no further try follows."""
        error = {"stage": self.stage, "code": code, "text": text, "final": final, "attempt": self.attempt}
        values: dict[str, Any] = {"error": error, "holder": None, "updated": func.now()}
        if final:
            values["finished"] = before(self.job, self.stage)
        with self.transaction() as session:
            session.execute(update(Job).where(Job.id == self.job_id).values(**values))
            kind = EventKind.STAGE_FAILED if final else EventKind.STAGE_WILL_BE_RETRIED
            self.add_event(session, kind, text, code)

    def let_go(self) -> None:
        """Record that nothing of this process is under way any more, where no stage ends."""
        with self.transaction() as session:
            session.execute(update(Job).where(Job.id == self.job_id).values(holder=None))

    def begin_anew(self, session: Session) -> None:
        """In the transaction that takes away what later stages need: what finished is what lies before this stage.

        When the stage has finished, all is there again, and so is what had finished before.
        """
        session.execute(update(Job).where(Job.id == self.job_id).values(finished=before(self.job, self.stage)))

    def check_predecessors(self) -> None:
        """Raise StageSkipped unless every stage before this one has finished; Airflow's word does not count."""
        stages = STAGES[self.job.record.kind]
        finished = self.job.record.finished
        done = stages.index(finished) + 1 if finished else 0
        if done < stages.index(self.stage):
            missing = ", ".join(stage.label for stage in stages[done : stages.index(self.stage)])
            raise StageSkipped(f"a stage was skipped or marked by hand ({missing}); retry the job")


@contextmanager
def acquire_job(
    engine: Engine, job_id: int, stage: Stage, attempt: int, *, by_admin: bool = False
) -> Iterator[JobLease | None]:
    """Take a job over for one stage; gives None when the catalogue holds the job, and nothing is left to be done.

    `by_admin`: not for the stage's own sake but to change what the job is made of; how it ended stays as it is, an admin's
    FAILED too. Raises UnknownJob, JobOverridden when an admin has
    failed it, JobBusy when an older process does not let go.
    """
    lease, left_uncleanly = _acquire(engine, job_id, stage, attempt, by_admin=by_admin)
    if lease is None:
        yield None
        return
    with _job_lock(engine, job_id):
        if left_uncleanly:
            # What the last holder had under way may still arrive at a service; it stops at its next check.
            time.sleep(2 * CHECK_SECONDS)
        yield lease


def furthest(job: JobSnapshot, stage: Stage) -> Stage:
    """The later of this stage and the last one that had finished."""
    stages = STAGES[job.record.kind]
    return max(stage, job.record.finished or stage, key=stages.index)


def before(job: JobSnapshot, stage: Stage) -> Stage | None:
    """The last finished stage that lies before this one."""
    stages = STAGES[job.record.kind]
    finished = job.record.finished
    if finished and stages.index(finished) < stages.index(stage):
        return finished
    return stages[stages.index(stage) - 1] if stage is not stages[0] else None


def _acquire(
    engine: Engine, job_id: int, stage: Stage, attempt: int, *, by_admin: bool = False
) -> tuple[JobLease | None, bool]:
    with database.transaction(engine) as session:
        job = get_job(session, job_id, for_update=True)
        if _is_over(job, stage):
            return None, False
        left_uncleanly = job.holder is not None
        before_begin = to_snapshot(job)
        job.fence += 1
        job.holder = f"{platform.node()}:{os.getpid()}:{attempt}"
        if by_admin:
            add_event(session, job_id, EventKind.ACQUIRED_BY_ADMIN, stage)
        else:
            _go_on(job, stage)
            add_event(session, job_id, EventKind.STAGE_STARTED, stage, attempt)
        session.flush()
        return JobLease(engine, before_begin, stage, attempt, job.fence), left_uncleanly


def _lift_override(job: Job) -> None:
    """Forget a state that an admin set by hand, which stands until the job goes on; FAILED stands until it is retried."""
    if job.override is not None and job.override["state"] == JobStatus.FAILED:
        raise JobOverridden(f"an admin has failed job {job.id}: {job.override['exception']}")
    job.override = None


def _go_on(job: Job, stage: Stage) -> None:
    """Forget how the job had ended, because it goes on; raises JobOverridden."""
    _lift_override(job)
    if job.stage != stage:
        job.stage, job.percent = stage, 0.0
    if job.outcome == Outcome.REJECTED:
        job.outcome = None
    if job.error:
        job.error = {**job.error, "final": False}
    if job.last_state and job.last_state["state"] == JobStatus.FAILED:
        job.last_state = None
    job.updated = func.now()


def _is_over(job: Job, stage: Stage) -> bool:
    """Whether the catalogue holds the job, and nothing is left to be done: the last stage may have to free the spool."""
    freed = job.finished == Stage.INGEST_METADATA and job.spool_name == REMOVED
    return job.outcome == Outcome.CATALOGED and (stage is not Stage.INGEST_METADATA or freed)


@contextmanager
def _job_lock(engine: Engine, job_id: int) -> Iterator[None]:
    """Hold the job's advisory lock on a connection of its own, outside any transaction."""
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
            connection.execute(select(func.pg_advisory_lock(job_id)))
            try:
                yield
            finally:
                # Closing the session frees the lock, also when the connection was lost.
                connection.invalidate()
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) == "55P03":
            raise JobBusy(f"an older process still works on job {job_id}") from error
        raise DatabaseUnavailable(f"the database of jobs: {database.first_line(error.orig)}") from error
