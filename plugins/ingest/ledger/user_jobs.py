"""What one user has in the ledger: unfinished jobs, those received before a job, and bytes in the spool.

Called by `ingest.ledger.uploads` and `ingest.ledger.spool_reservations` before an upload is taken, and by
`ingest.orchestrator.start_jobs` and `ingest.orchestrator.runs` when a job starts.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, and_, func, not_, or_, select, tuple_
from sqlalchemy.orm import Session

from ingest.ledger.database import transaction
from ingest.ledger.models import REMOVED, Job, Upload
from ingest.states.job_record import JobStatus, Outcome

# What holds for the jobs that will go on by themselves.
UNFINISHED: tuple[ColumnElement[bool], ...] = (
    or_(Job.override.is_(None), Job.override["state"].as_string() != JobStatus.FAILED),
    Job.outcome.is_distinct_from(Outcome.CATALOGED),
    Job.error["final"].as_boolean().is_not(True),
)
# Served by a partial index of the few jobs that have their bundle.
IN_SPOOL = Job.spool_name != REMOVED

# In the order of tasks: how many jobs of one user differ in their place, and by how much.
PLACES = 16
PLACE = timedelta(minutes=1)


def count_unfinished(session: Session, user: str) -> int:
    """Return how many jobs of a user have not ended, and how many of the user's uploads may become one."""
    jobs = select(func.count()).where(Job.user == user, IN_SPOOL, *UNFINISHED)
    uploads = select(func.count()).where(Upload.user == user)
    return (session.scalar(jobs) or 0) + (session.scalar(uploads) or 0)


def bytes_received(session: Session, user: str) -> int:
    """Return the size of a user's bundles that are in the spool, whether their jobs have ended or not."""
    return int(session.scalar(select(func.sum(Job.size)).where(Job.user == user, IN_SPOOL)) or 0)


def count_ahead(session: Session, job_id: int, limit: int) -> int:
    """Return how many unfinished jobs of the same user were received before a job; counts up to `limit`."""
    job = session.get(Job, job_id)
    if job is None:
        return 0
    before = tuple_(Job.created, Job.id) < (job.created, job.id)
    ahead = select(Job.id).where(Job.user == job.user, IN_SPOOL, *UNFINISHED, before).limit(limit)
    return session.scalar(select(func.count()).select_from(ahead.subquery())) or 0


def first_unfinished(session: Session, user: str, limit: int) -> list[Job]:
    """Return the first unfinished jobs of a user, in the order in which they were received."""
    first = select(Job).where(Job.user == user, IN_SPOOL, *UNFINISHED).order_by(Job.created, Job.id).limit(limit)
    return list(session.scalars(first))


def user_of_ended(session: Session, job_id: int) -> str | None:
    """Return whose job it is if it has ended; None while it goes on."""
    return session.scalar(select(Job.user).where(Job.id == job_id, not_(and_(*UNFINISHED))))


def place_in_line(engine: Engine, job_id: int) -> datetime:
    """Return the time by which Airflow orders a job's tasks among those of all jobs, the earliest first.

    It is the current time, moved back by a minute for each of 16 places that the user's other jobs leave free. So a user's
    only job precedes the many that another user has sent within the last quarter of an hour, and follows older ones.
    """
    with transaction(engine) as session:
        ahead = count_ahead(session, job_id, PLACES - 1)
        now: datetime = session.scalars(select(func.clock_timestamp())).one()
    return now - (PLACES - ahead) * PLACE
