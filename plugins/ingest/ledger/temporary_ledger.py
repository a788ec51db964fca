"""A ledger of one job in temporary tables: the code of the stages runs on it, and nothing of it remains.

Called by `ingest.operations.preflight`. Decision 18 compares it with a transaction that is rolled back.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Engine, Table
from sqlalchemy.exc import ProgrammingError

from ingest.errors.types import DatabaseUnavailable
from ingest.ledger.database import make_temporary_engine, transaction
from ingest.ledger.job_snapshots import JobSnapshot, Received, to_snapshot
from ingest.ledger.lease import NO_ATTEMPT, JobLease
from ingest.ledger.models import Event, File, Job
from ingest.settings.loading import Settings
from ingest.states.stages import Stage

# The tables that the stages `load_metadata` and `validate_policy` use, each before those that refer to it.
TABLES: tuple[Table, ...] = tuple(Job.metadata.tables[model.__tablename__] for model in (Job, File, Event))
NOT_PERMITTED = "42501"
FIRST_FENCE = 0
ID_BITS = 62


@contextmanager
def temporary_ledger(settings: Settings, received: Received, stage: Stage) -> Iterator[JobLease]:
    """Yield the lease of a job that exists only in temporary tables, which are removed at the end.

    The job gets a random id, so that no document can name it. If this process is killed, PostgreSQL removes the tables when
    it finds the connection closed. Raises DatabaseUnavailable.
    """
    engine = make_temporary_engine(settings)
    try:
        _create_tables(engine)
        job = _create_job(engine, replace(received, job_id=secrets.randbits(ID_BITS)))
        yield JobLease(engine, job, stage, NO_ATTEMPT, FIRST_FENCE)
    finally:
        engine.dispose()


def _create_tables(engine: Engine) -> None:
    try:
        with transaction(engine) as session:
            for table in TABLES:
                table.create(session.connection())
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", None) != NOT_PERMITTED:
            raise
        raise DatabaseUnavailable(
            f"user {engine.url.username} may not create temporary tables in the database of jobs; an admin permits it: "
            f"GRANT TEMPORARY ON DATABASE {engine.url.database} TO {engine.url.username}"
        ) from error


def _create_job(engine: Engine, received: Received) -> JobSnapshot:
    job = Job(
        id=received.job_id,
        kind=received.kind,
        user=received.user,
        submitter_claim=received.submitter_claim,
        spool_name=received.spool_name,
        size=received.size,
    )
    with transaction(engine) as session:
        session.add(job)
        session.flush()
        session.refresh(job)
        return to_snapshot(job)
