"""The jobs that the original Pacifica Ingest received: taken over from its database, and answered as it answered them.

`take_over` is called by `pacifica-ingest-cmd dbsync`; the API and `ingest.ledger.jobs` look here for a job that is not
ours. The original's tables are only read: it may run on, and an admin may go back to it.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, FromClause, Select, and_, column, func, or_, select, table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from ingest.errors.types import ConfigurationError, UnknownJob
from ingest.ledger.database import first_line, transaction
from ingest.ledger.models import Job, OriginalJob
from ingest.states.job_record import JobStatus
from ingest.states.job_state import DONE
from ingest.states.stages import Stage

COLUMNS = tuple(OriginalJob.__table__.columns.keys())
STATES = table("ingeststate", *(column(name) for name in COLUMNS))
VERSIONS = table("ingeststatesystem", column("part"), column("value"))
# From this version of the original's schema on, it stores whether a job is complete.
COMPLETE_SINCE = 2
MAX_LISTED = 20


@dataclass(frozen=True)
class ImportResult:
    """What one call took over: how many rows were new or changed, and which jobs had not ended.

    `unfinished` counts them all, `first_unfinished` are the lowest ids, at most 20.
    """

    count: int
    unfinished: int
    first_unfinished: tuple[int, ...]


def import_jobs(engine: Engine) -> ImportResult | None:
    """Take over what is new or changed in the original's table, in one transaction; None when it has none here.

    May be repeated. Raises ConfigurationError when the table cannot be read, DatabaseUnavailable.
    """
    try:
        with transaction(engine) as session:
            if not _exists(session, STATES.name):
                return None
            count = _copy(session, stores_complete=_major_version(session) >= COMPLETE_SINCE)
            ids = session.scalars(_unfinished().limit(MAX_LISTED))
            total = session.scalar(select(func.count()).select_from(_unfinished().subquery())) or 0
            return ImportResult(count, total, tuple(ids))
    except ProgrammingError as error:
        raise ConfigurationError(f"the original's table {STATES.name}: {first_line(error.orig)}") from error


def read(engine: Engine, job_id: int) -> OriginalJob:
    """Read a job as it was taken over; raises UnknownJob, DatabaseUnavailable."""
    with transaction(engine) as session:
        job = session.get(OriginalJob, job_id)
    if job is None:
        raise unknown(job_id)
    return job


def unknown(job_id: int) -> UnknownJob:
    """Make the error that says that nobody ever received a job of this id."""
    return UnknownJob(f"job ID {job_id} does not exist.")


def holds(session: Session, job_id: int) -> bool:
    """Whether the original received a job of this id."""
    return session.get(OriginalJob, job_id) is not None


def _exists(session: Session, name: str) -> bool:
    return session.scalar(select(func.to_regclass(name))) is not None


def _major_version(session: Session) -> int:
    # A database from before the versions has no table of them.
    if not _exists(session, VERSIONS.name):
        return 0
    return session.scalar(select(VERSIONS.c.value).where(VERSIONS.c.part == "major")) or 0


def _copy(session: Session, *, stores_complete: bool) -> int:
    """Copy inside the database, so that the memory of this process stays flat; give how many rows that were."""
    complete = STATES.c.complete if stores_complete else _ended(STATES)
    columns = [complete if name == "complete" else STATES.c[name] for name in COLUMNS]
    # In order of the ids, so that two who do it at once wait for each other, and do not block each other.
    copying = insert(OriginalJob).from_select(COLUMNS, select(*columns).order_by(STATES.c.id))
    others = [name for name in COLUMNS if name != "id"]
    changed = or_(*(getattr(OriginalJob, name).is_distinct_from(copying.excluded[name]) for name in others))
    copying = copying.on_conflict_do_update(
        index_elements=["id"], set_={name: copying.excluded[name] for name in others}, where=changed
    )
    return session.connection().execute(copying, execution_options={"preserve_rowcount": True}).rowcount


def _ended(rows: FromClause) -> ColumnElement[bool]:
    """Whether a job has ended, as the original finds out when it writes a state."""
    cataloged = and_(rows.c.task == Stage.INGEST_METADATA.label, rows.c.task_percent == DONE)
    return or_(rows.c.state == JobStatus.FAILED, cataloged)


def _unfinished() -> Select[int]:
    # Not by `complete` alone: the original's own upgrade to 2.0 sets it to false for every old job.
    ended = or_(OriginalJob.complete, _ended(OriginalJob.__table__))
    run_again = select(Job).where(Job.id == OriginalJob.id).exists()
    return select(OriginalJob.id).where(~ended, ~run_again).order_by(OriginalJob.id)
