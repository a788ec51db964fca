"""Finds idle jobs: they have ended and no process works on them, so that ledger, archive and catalog must agree.

Called by `ingest.operations.reconcile.comparison`. A process acquires a job, which increments the job's fence, before it
changes archive or catalog. So a comparison reads a job without holding it: `ComparedJob.check` raises FenceLost if a
process has acquired the job since.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, exists, select

from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.job_predicates import IS_IDLE
from ingest.ledger.job_snapshots import to_snapshot
from ingest.ledger.jobs import get_job
from ingest.ledger.lease import NO_ATTEMPT, JobLease
from ingest.ledger.models import Event, Job
from ingest.states.job_record import Outcome
from ingest.states.stages import STAGES, Stage

BATCH_SIZE = 500
SENDING_STAGES = (Stage.INGEST_FILES, Stage.MOVE_FILES, Stage.INGEST_METADATA)


@dataclass(frozen=True)
class ComparedJob:
    """A job at the moment of its comparison.

    - `is_idle`: whether it can be compared.
    - `was_sent`: whether a stage that sends files was ever started.
    """

    lease: JobLease
    is_idle: bool
    was_sent: bool

    @property
    def job_id(self) -> int:
        """The job's id."""
        return self.lease.job_id

    @property
    def outcome(self) -> Outcome | None:
        """How the job ended; None if it failed without a rejection."""
        return self.lease.job.record.outcome

    def check(self) -> None:
        """Raise FenceLost if a process has acquired the job since."""
        with self.lease.transaction():
            pass


def all_jobs(engine: Engine) -> Iterator[ComparedJob]:
    """Yield every job in the order of the ids; raises DatabaseUnavailable."""
    after = -1
    while batch := _compared_jobs(engine, Job.id > after):
        yield from batch
        after = batch[-1].job_id


def one_job(engine: Engine, job_id: int) -> Iterator[ComparedJob]:
    """Yield one job; raises UnknownJob, DatabaseUnavailable."""
    with transaction(engine) as session:
        get_job(session, job_id)
    yield from _compared_jobs(engine, Job.id == job_id)


def _compared_jobs(engine: Engine, which: ColumnElement[bool]) -> list[ComparedJob]:
    was_sent = exists().where(
        Event.job_id == Job.id, Event.kind == EventKind.STAGE_STARTED, Event.stage.in_(SENDING_STAGES)
    )
    query = select(Job, IS_IDLE, was_sent).where(which).order_by(Job.id).limit(BATCH_SIZE)
    with transaction(engine) as session:
        return [
            ComparedJob(
                JobLease(engine, to_snapshot(job), STAGES[to_snapshot(job).record.kind][0], NO_ATTEMPT, job.fence),
                is_idle,
                sent,
            )
            for job, is_idle, sent in session.execute(query)
        ]
