"""The numbers of PostgreSQL's advisory locks in the ledger's database.

PostgreSQL has two separate number spaces for them, and this service uses each for one purpose:

- one 64-bit number: the lock of a job, whose number is the job's id. The process that works on the job holds it;
- two 32-bit numbers: the locks of `SharedLock`. The first number says what is locked, the second is this service's own, so
  that other programs can use the same database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from ingest.errors.types import DatabaseUnavailable, JobBusy
from ingest.ledger.database import SESSION_ENGINE, first_line

SERVICE = 8066
JOB_LOCK_SECONDS = 60
LOCK_NOT_AVAILABLE = "55P03"


class SharedLock(IntEnum):
    """A lock that a transaction holds until it ends."""

    # `ingest.ledger.migrations`: one process at a time changes the schema.
    MIGRATION = 0
    # `ingest.services.uniqueid`: one process at a time moves the sequence of job ids, or of file ids.
    JOB_IDS = 1
    FILE_IDS = 2
    # `ingest.ledger.spool_reservations`: one upload at a time reserves its space in the spool.
    SPOOL_SPACE = 3


def acquire(connection: Session | Connection, lock: SharedLock) -> None:
    """Wait for a shared lock; the transaction holds it until it ends."""
    connection.execute(select(func.pg_advisory_xact_lock(lock.value, SERVICE)))


@contextmanager
def hold_job_lock(engine: Engine, job_id: int) -> Iterator[Connection]:
    """Hold the lock of a job on a connection, which is yielded for short transactions of the calling thread.

    The lock is lost with the connection. Raises JobBusy when another process still holds it after a minute,
    DatabaseUnavailable.
    """
    try:
        with _connect_session(engine) as connection:
            # Not as a parameter of the session, which holds for later transactions, too.
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{JOB_LOCK_SECONDS}s'")
            connection.exec_driver_sql("SELECT pg_advisory_lock(%(job_id)s)", {"job_id": job_id})
            connection.commit()
            # Closing the session frees the lock, also when the connection was lost.
            yield connection
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) == LOCK_NOT_AVAILABLE:
            raise JobBusy(f"an older process still works on job {job_id}") from error
        raise DatabaseUnavailable(f"the database of jobs: {first_line(error.orig)}") from error


@contextmanager
def _connect_session(engine: Engine) -> Iterator[Connection]:
    """Open a connection with a session of its own, without the pooler."""
    source = engine.get_execution_options().get(SESSION_ENGINE) or engine
    with source.connect() as connection:
        # Not returned to the pool, which would connect again in its place.
        connection.detach()
        yield connection
