"""Connect to the database of jobs and open transactions.

Called by the API, the stages' wrapper and the command line. A process creates its engine when it starts to work and
disposes of it at the end: nothing connects at import, and no connection crosses a fork.

If the database's URL leads through a pooler in transaction mode, each transaction may have another session. What
must outlive a transaction uses the `SESSION_ENGINE` of an engine (`ingest.ledger.locks`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, func, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, StaticPool

from ingest.errors.types import DatabaseUnavailable
from ingest.ledger.connection_check import check_before_use
from ingest.ledger.connection_options import (
    CONNECT_TIMEOUT_SECONDS,
    STATEMENT_TIMEOUT_SECONDS,
    database_url,
    pooled_args,
    probe_args,
    session_args,
    session_url,
    temporary_args,
)
from ingest.settings.loading import Settings
from ingest.system.sanitize import to_one_line

UNDEFINED_TABLE = "42P01"
READ_ONLY = "25006"
# An option of an engine: the engine that connects without the pooler, None if there is no pooler.
SESSION_ENGINE = "ingest_session_engine"


def make_engine(settings: Settings, pool_size: int = 5, statement_seconds: int = STATEMENT_TIMEOUT_SECONDS) -> Engine:
    """Create an engine, which connects when it is first used; `pool_size` is a number of connections."""
    session_engine = None
    if settings.session_database_url:
        session_engine = create_engine(
            session_url(settings), poolclass=NullPool, connect_args=session_args(statement_seconds)
        )
    engine = create_engine(
        database_url(settings),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
        connect_args=pooled_args(settings, statement_seconds),
        execution_options={SESSION_ENGINE: session_engine},
    )
    check_before_use(engine)
    return engine


def make_temporary_engine(settings: Settings) -> Engine:
    """Create an engine with one connection, on which only temporary tables can be found and created.

    A statement that names a table of the ledger fails, unless the connection has a temporary table of this name. The tables
    disappear with the connection: when the engine is disposed of, and when this process is killed.
    """
    return create_engine(session_url(settings), poolclass=StaticPool, connect_args=temporary_args())


def make_probe(settings: Settings, seconds: int) -> Engine:
    """Create an engine that opens a connection for each use; connecting and queries take at most `seconds` (2 or more)."""
    return create_engine(database_url(settings), poolclass=NullPool, connect_args=probe_args(settings, seconds))


@contextmanager
def transaction(bind: Engine | Connection) -> Iterator[Session]:
    """Open a session for one short transaction, committed at the end and rolled back by an exception.

    A connection is in no transaction yet. Raises DatabaseUnavailable when the connection cannot be made or is lost.
    """
    with _translate_errors(), Session(bind, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def autocommit(engine: Engine) -> Iterator[Connection]:
    """Open a connection on which each statement is a transaction, in one round trip instead of three.

    Raises as `transaction`.
    """
    with _translate_errors(), engine.connect() as connection:
        # psycopg2's own switch: SQLAlchemy's isolation level "AUTOCOMMIT" costs a round trip each time it is reset.
        driver_connection: Any = connection.connection.driver_connection
        driver_connection.autocommit = True
        try:
            yield connection
        finally:
            # A lost connection is not used again.
            if not driver_connection.closed:
                driver_connection.autocommit = False


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable("all connections to the database of jobs are in use; try again later") from error
    except DBAPIError as error:
        code = getattr(error.orig, "pgcode", None)
        # A read-only database is a standby that is about to become the primary.
        if isinstance(error, OperationalError) or error.connection_invalidated or code == READ_ONLY:
            raise DatabaseUnavailable(f"the database of jobs is not available: {first_line(error.orig)}") from error
        if code == UNDEFINED_TABLE:
            raise DatabaseUnavailable("the database of jobs has no tables; run pacifica-ingest-cmd dbsync") from error
        raise


def read_clock(session: Session) -> datetime:
    """Return the current time of the database, not that of the transaction's begin."""
    now: datetime = session.scalars(select(func.clock_timestamp())).one()
    return now


def wait_for_database(settings: Settings, engine: Engine) -> None:
    """Connect once, in up to `connect_attempts` attempts `connect_wait` seconds apart; raises DatabaseUnavailable."""
    for attempt in range(1, settings.connect_attempts + 1):
        try:
            with engine.connect():
                return
        except OperationalError as error:
            if attempt == settings.connect_attempts:
                raise DatabaseUnavailable(f"no database after {attempt} attempts: {first_line(error.orig)}") from error
            time.sleep(settings.connect_wait)


def first_line(error: BaseException | None) -> str:
    """Return the first line of an error's text, for messages of one line."""
    return to_one_line((str(error).strip().splitlines() or [type(error).__name__])[0])
