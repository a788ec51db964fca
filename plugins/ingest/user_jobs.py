"""What one user has in the ledger: unfinished jobs, those received before a job, and bytes in the spool.

Called by `ingest.uploads` and `ingest.spool_room` before an upload is taken, and by `ingest.starting` before a job starts.
"""

from sqlalchemy import ColumnElement, func, or_, select, tuple_
from sqlalchemy.orm import Session

from ingest.models import REMOVED, Job, Upload
from ingest.states import FAILED, Outcome

# What holds for the jobs that will go on by themselves.
UNFINISHED: tuple[ColumnElement[bool], ...] = (
    or_(Job.override.is_(None), Job.override["state"].as_string() != FAILED),
    Job.outcome.is_distinct_from(Outcome.CATALOGUED),
    Job.error["final"].as_boolean().is_not(True),
)
# Served by a partial index of the few jobs that have their bundle.
IN_SPOOL = Job.spool_name != REMOVED


def count_unfinished(session: Session, user: str) -> int:
    """Return how many jobs of a user have not ended, and how many of the user's uploads may become one."""
    jobs = select(func.count()).where(Job.user == user, IN_SPOOL, *UNFINISHED)
    uploads = select(func.count()).where(Upload.user == user)
    return (session.scalar(jobs) or 0) + (session.scalar(uploads) or 0)


def bytes_received(session: Session, user: str) -> int:
    """Return the size of a user's bundles that are in the spool, whether their jobs have ended or not."""
    return int(session.scalar(select(func.sum(Job.size)).where(Job.user == user, IN_SPOOL)) or 0)


def count_ahead(session: Session, job: Job, limit: int) -> int:
    """Return how many unfinished jobs of the same user were received before a job; counts up to `limit`."""
    before = tuple_(Job.created, Job.id) < tuple_(job.created, job.id)
    ahead = select(Job.id).where(Job.user == job.user, IN_SPOOL, *UNFINISHED, before).limit(limit)
    return session.scalar(select(func.count()).select_from(ahead.subquery())) or 0


def first_unfinished(session: Session, user: str, limit: int) -> list[Job]:
    """Return the first unfinished jobs of a user, in the order in which they were received."""
    first = select(Job).where(Job.user == user, IN_SPOOL, *UNFINISHED).order_by(Job.created, Job.id).limit(limit)
    return list(session.scalars(first))
