"""Rows of jobs for the tests of this folder: made, changed and read."""

from itertools import count

from sqlalchemy import Engine, select, update

from ingest.ledger import jobs
from ingest.ledger.database import transaction
from ingest.ledger.job_snapshots import Received
from ingest.ledger.models import Event, Job
from ingest.states.job_record import JobState, JobStatus
from ingest.states.stages import Kind

next_id = count(7_100_000)
FAILED_BY_HAND = JobState(JobStatus.FAILED, "ingest files", 12.5, "Failed by administrator", complete=True)
OK_BY_HAND = JobState(JobStatus.OK, "open tar", 50.0, "checked by ada", complete=False)


def received(job_id: int, kind: Kind = Kind.INGEST) -> Received:
    return Received(job_id, kind, "ada", f"{job_id}.tar", 10)


def set_columns(engine: Engine, job_id: int, **values: object) -> None:
    with transaction(engine) as session:
        session.execute(update(Job).where(Job.id == job_id).values(**values))


def row(engine: Engine, job_id: int) -> Job:
    with transaction(engine) as session:
        return jobs.get_job(session, job_id)


def events(engine: Engine, job_id: int) -> list[tuple[str, str]]:
    with transaction(engine) as session:
        found = session.scalars(select(Event).where(Event.job_id == job_id).order_by(Event.id))
        return [(event.kind, event.text) for event in found]


def stage_error(*, final: bool) -> dict[str, object]:
    return {"stage": "open_tar", "code": "bundle_invalid", "text": "cut", "final": final, "attempt": 1}
