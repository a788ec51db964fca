"""Count what one user has in the ledger: unfinished jobs, jobs received before a job, bytes in the spool.

Called by `ingest.ledger.uploads` and `ingest.ledger.spool_reservations` before an upload is accepted, and by
`ingest.orchestrator.start_jobs` and `ingest.orchestrator.runs` when a job starts.
"""

from datetime import datetime, timedelta

from sqlalchemy import Engine, func, not_, select, tuple_
from sqlalchemy.orm import Session

from ingest.ledger.database import transaction
from ingest.ledger.job_predicates import IS_IN_SPOOL, IS_UNFINISHED
from ingest.ledger.models import Job, Upload

# Each earlier unfinished job of the same user moves the tasks of a job back by `PLACE`, at most `PLACES` - 1 times.
PLACES = 16
PLACE = timedelta(minutes=1)


def count_unfinished(session: Session, user: str) -> int:
    """Return the number of a user's unfinished jobs and of the uploads that may become one."""
    jobs = select(func.count()).where(Job.user == user, IS_IN_SPOOL, IS_UNFINISHED)
    uploads = select(func.count()).where(Upload.user == user)
    return (session.scalar(jobs) or 0) + (session.scalar(uploads) or 0)


def bytes_received(session: Session, user: str) -> int:
    """Return the size of a user's bundles in the spool, of ended jobs too."""
    return int(session.scalar(select(func.sum(Job.size)).where(Job.user == user, IS_IN_SPOOL)) or 0)


def count_ahead(session: Session, job_id: int, limit: int) -> int:
    """Return the number of unfinished jobs of the same user that were received before a job, up to `limit`."""
    job = session.get(Job, job_id)
    if job is None:
        return 0
    before = tuple_(Job.created, Job.id) < (job.created, job.id)
    ahead = select(Job.id).where(Job.user == job.user, IS_IN_SPOOL, IS_UNFINISHED, before).limit(limit)
    return session.scalar(select(func.count()).select_from(ahead.subquery())) or 0


def first_unfinished(session: Session, user: str, limit: int) -> list[Job]:
    """Return the first unfinished jobs of a user, in the order in which they were received."""
    first = select(Job).where(Job.user == user, IS_IN_SPOOL, IS_UNFINISHED).order_by(Job.created, Job.id).limit(limit)
    return list(session.scalars(first))


def user_of_ended(session: Session, job_id: int) -> str | None:
    """Return the user of a job that has ended; None while it is unfinished."""
    return session.scalar(select(Job.user).where(Job.id == job_id, not_(IS_UNFINISHED)))


def place_in_line(engine: Engine, job_id: int) -> datetime:
    """Return the time by which Airflow orders a job's tasks among those of all jobs, the earliest first.

    This is the current time minus one minute for each of the 16 places that the user's earlier jobs leave free. So a user's
    only job runs before jobs that another user sent in bulk within the last quarter of an hour, and after older ones.
    """
    with transaction(engine) as session:
        ahead = count_ahead(session, job_id, PLACES - 1)
        now: datetime = session.scalars(select(func.clock_timestamp())).one()
    return now - (PLACES - ahead) * PLACE
