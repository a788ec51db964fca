"""The jobs that pacifica-ingest 0.4.1 received: import them from its database, and read them.

`pacifica-ingest-cmd dbsync` calls `import_jobs`; the API and `ingest.ledger.jobs` look up jobs here that are not in the
table `job`. The tables of the original service are only read: it may continue to run, and an admin may return to it.
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
# The first version of that schema which stores whether a job is complete.
COMPLETE_SINCE = 2
MAX_LISTED = 20


@dataclass(frozen=True)
class ImportResult:
    """The result of an import: the number of new or changed rows, and the jobs that had not ended.

    `unfinished` counts all unfinished jobs, `first_unfinished` are the lowest ids, at most 20.
    """

    count: int
    unfinished: int
    first_unfinished: tuple[int, ...]


def import_jobs(engine: Engine) -> ImportResult | None:
    """Import new and changed rows of the original service's table, in one transaction; None when there is no such table.

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
        raise ConfigurationError(f"table {STATES.name} of pacifica-ingest 0.4.1: {first_line(error.orig)}") from error


def read(engine: Engine, job_id: int) -> OriginalJob:
    """Read an imported job; raises UnknownJob, DatabaseUnavailable."""
    with transaction(engine) as session:
        job = session.get(OriginalJob, job_id)
    if job is None:
        raise unknown(job_id)
    return job


def unknown(job_id: int) -> UnknownJob:
    """Return the error for a job id that neither service knows."""
    return UnknownJob(f"job ID {job_id} does not exist.")


def holds(session: Session, job_id: int) -> bool:
    """Return whether the original service received a job of this id."""
    return session.get(OriginalJob, job_id) is not None


def _exists(session: Session, name: str) -> bool:
    return session.scalar(select(func.to_regclass(name))) is not None


def _major_version(session: Session) -> int:
    # A database of the original service's first versions has no table of versions.
    if not _exists(session, VERSIONS.name):
        return 0
    return session.scalar(select(VERSIONS.c.value).where(VERSIONS.c.part == "major")) or 0


def _copy(session: Session, *, stores_complete: bool) -> int:
    """Copy new and changed rows within the database, so that this process needs little memory; return their number."""
    complete = STATES.c.complete if stores_complete else _has_ended(STATES)
    columns = [complete if name == "complete" else STATES.c[name] for name in COLUMNS]
    # Ordered by id, so that two simultaneous imports wait for each other instead of deadlocking.
    copying = insert(OriginalJob).from_select(COLUMNS, select(*columns).order_by(STATES.c.id))
    others = [name for name in COLUMNS if name != "id"]
    changed = or_(*(getattr(OriginalJob, name).is_distinct_from(copying.excluded[name]) for name in others))
    copying = copying.on_conflict_do_update(
        index_elements=["id"], set_={name: copying.excluded[name] for name in others}, where=changed
    )
    return session.connection().execute(copying, execution_options={"preserve_rowcount": True}).rowcount


def _has_ended(rows: FromClause) -> ColumnElement[bool]:
    """Return the condition that a job has ended, by the rule of the original service."""
    cataloged = and_(rows.c.task == Stage.INGEST_METADATA.label, rows.c.task_percent == DONE)
    return or_(rows.c.state == JobStatus.FAILED, cataloged)


def _unfinished() -> Select[int]:
    # `complete` alone is not enough: the upgrade of the original service to 2.0 sets it to false for every old job.
    ended = or_(OriginalJob.complete, _has_ended(OriginalJob.__table__))
    run_again = select(Job).where(Job.id == OriginalJob.id).exists()
    return select(OriginalJob.id).where(~ended, ~run_again).order_by(OriginalJob.id)
