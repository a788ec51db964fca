"""Count what one user has in the ledger: unfinished jobs, jobs received before a job, bytes in the spool.

Called by `ingest.ledger.uploads` and `ingest.ledger.spool_reservations` before an upload is accepted, and by
`ingest.orchestrator.start_jobs` and `ingest.orchestrator.runs` when a job starts.
"""

from datetime import datetime, timedelta

from sqlalchemy import Engine, bindparam, func, not_, or_, select, tuple_
from sqlalchemy.orm import Session

from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.database import read_clock, transaction
from ingest.ledger.job_predicates import IS_IN_SPOOL, IS_UNFINISHED, IS_WAITING
from ingest.ledger.models import Job, Upload

# Each earlier unfinished job of the same user moves the tasks of a job back by `PLACE`, at most `PLACES` - 1 times.
PLACES = 16
PLACE = timedelta(minutes=1)
_IN_LINE = (IS_IN_SPOOL, IS_UNFINISHED, not_(IS_WAITING))
_USER_OF_STOPPED = CompiledStatement(
    select(Job.user).where(Job.id == bindparam("job_id"), or_(not_(IS_UNFINISHED), IS_WAITING))
)


def count_unfinished(session: Session, user: str) -> int:
    """Return the number of a user's unfinished jobs and of the uploads that may become one."""
    jobs = select(func.count()).where(Job.user == user, IS_IN_SPOOL, IS_UNFINISHED)
    uploads = select(func.count()).where(Upload.user == user)
    return (session.scalar(jobs) or 0) + (session.scalar(uploads) or 0)


def bytes_received(session: Session, user: str) -> int:
    """Return the size of a user's bundles in the spool, of ended jobs too."""
    return int(session.scalar(select(func.sum(Job.size)).where(Job.user == user, IS_IN_SPOOL)) or 0)


def count_ahead(session: Session, job_id: int, limit: int) -> int:
    """Return the number of unfinished jobs of the same user that were received before a job, up to `limit`.

    Jobs that wait for a service do not count, so that later jobs can continue as far as they do not need it.
    """
    job = session.get(Job, job_id)
    if job is None:
        return 0
    before = tuple_(Job.created, Job.id) < (job.created, job.id)
    ahead = select(Job.id).where(Job.user == job.user, *_IN_LINE, before).limit(limit)
    return session.scalar(select(func.count()).select_from(ahead.subquery())) or 0


def first_unfinished(session: Session, user: str, limit: int) -> list[Job]:
    """Return the first unfinished jobs of a user that do not wait for a service, in the order of their receipt."""
    first = select(Job).where(Job.user == user, *_IN_LINE).order_by(Job.created, Job.id).limit(limit)
    return list(session.scalars(first))


def user_of_stopped(session: Session, job_id: int) -> str | None:
    """Return the user of a job that has ended or waits for a service; None while it is being processed."""
    user: str | None = _USER_OF_STOPPED.execute(session, job_id=job_id).scalar()
    return user


def place_in_line(engine: Engine, job_id: int) -> datetime:
    """Return the time by which Airflow orders a job's tasks among those of all jobs, the earliest first.

    This is the current time minus one minute for each of the 16 places that the user's earlier jobs leave free. So a user's
    only job runs before jobs that another user sent in bulk within the last quarter of an hour, and after older ones.
    """
    with transaction(engine) as session:
        ahead = count_ahead(session, job_id, PLACES - 1)
        now = read_clock(session)
    return now - (PLACES - ahead) * PLACE
