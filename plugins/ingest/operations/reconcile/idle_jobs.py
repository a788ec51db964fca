"""Which jobs rest: they have ended, and nobody works on them, so that ledger, archive and catalogue must agree.

Whatever changes archive or catalogue takes the job over first, and counts up its fence. So a job is looked at under the
fence that it had, without holding it: reading on raises FenceLost as soon as anybody has taken it over.
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

BATCH = 500
SENDING_STAGES = (Stage.INGEST_FILES, Stage.MOVE_FILES, Stage.INGEST_METADATA)


@dataclass(frozen=True)
class ComparedJob:
    """A look at one job. `is_idle` is whether it can be compared; `was_sent`, whether anything of it was ever sent."""

    lease: JobLease
    is_idle: bool
    was_sent: bool

    @property
    def job_id(self) -> int:
        """The job's id."""
        return self.lease.job_id

    @property
    def outcome(self) -> Outcome | None:
        """How the job ended, if it did not only fail."""
        return self.lease.job.record.outcome

    def check(self) -> None:
        """Raise FenceLost if the job was taken over since."""
        with self.lease.transaction():
            pass


def all_jobs(engine: Engine) -> Iterator[ComparedJob]:
    """Look at every job, in the order of their ids; raises DatabaseUnavailable."""
    after = -1
    while batch := _compared_jobs(engine, Job.id > after):
        yield from batch
        after = batch[-1].job_id


def one_job(engine: Engine, job_id: int) -> Iterator[ComparedJob]:
    """Look at one job; raises UnknownJob, DatabaseUnavailable."""
    with transaction(engine) as session:
        get_job(session, job_id)
    yield from _compared_jobs(engine, Job.id == job_id)


def _compared_jobs(engine: Engine, which: ColumnElement[bool]) -> list[ComparedJob]:
    was_sent = exists().where(
        Event.job_id == Job.id, Event.kind == EventKind.STAGE_STARTED, Event.stage.in_(SENDING_STAGES)
    )
    query = select(Job, IS_IDLE, was_sent).where(which).order_by(Job.id).limit(BATCH)
    with transaction(engine) as session:
        return [
            ComparedJob(
                JobLease(engine, to_snapshot(job), STAGES[to_snapshot(job).record.kind][0], NO_ATTEMPT, job.fence),
                resting,
                sent,
            )
            for job, resting, sent in session.execute(query)
        ]
