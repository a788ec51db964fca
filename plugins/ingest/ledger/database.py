"""The connection to the database of jobs, its sessions, and its schema (Alembic, in `migrations/`).

Called by the API, the stages' wrapper and the command line. An engine is made where a process begins to work and
disposed of where it ends: nothing connects at import, and no connection crosses a fork.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from ingest.errors.types import ConfigurationError, DatabaseUnavailable
from ingest.settings.loading import Settings
from ingest.system.sanitize import to_one_line

MIGRATIONS = Path(__file__).parent / "migrations"
CONNECT_SECONDS = 10
STATEMENT_SECONDS = 600
UNDEFINED_TABLE = "42P01"
READ_ONLY = "25006"
NOTICE_A_HOST_THAT_IS_GONE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}


def database_url(settings: Settings) -> URL:
    """Give the URL for SQLAlchemy; `postgres://` and `postgresql://` both mean psycopg2."""
    return make_url(settings.database_url.replace("postgres://", "postgresql://", 1)).set(
        drivername="postgresql+psycopg2"
    )


def make_engine(settings: Settings, pool_size: int = 5) -> Engine:
    """Make an engine; it connects when it is first used. `pool_size` is in connections."""
    options = f"-c statement_timeout={STATEMENT_SECONDS}s -c idle_in_transaction_session_timeout=60s -c timezone=UTC"
    return create_engine(
        database_url(settings),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=CONNECT_SECONDS,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_SECONDS, "options": options, **NOTICE_A_HOST_THAT_IS_GONE},
    )


def make_probe(settings: Settings, seconds: int) -> Engine:
    """Make an engine that connects anew each time, and gives up connecting and asking after `seconds` (2 or more)."""
    return create_engine(
        database_url(settings),
        poolclass=NullPool,
        connect_args={
            **NOTICE_A_HOST_THAT_IS_GONE,
            "connect_timeout": seconds,
            "options": f"-c statement_timeout={seconds}s",
        },
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Open a session for one short transaction: committed at the end, rolled back by an exception.

    Raises DatabaseUnavailable when the connection cannot be made or is lost.
    """
    try:
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session
    except PoolTimeout as error:
        raise DatabaseUnavailable("all connections to the database of jobs are in use; try again later") from error
    except DBAPIError as error:
        code = getattr(error.orig, "pgcode", None)
        # Read only is a standby that is about to be made the primary.
        if isinstance(error, OperationalError) or error.connection_invalidated or code == READ_ONLY:
            raise DatabaseUnavailable(f"the database of jobs is not available: {first_line(error.orig)}") from error
        if code == UNDEFINED_TABLE:
            raise DatabaseUnavailable("the database of jobs has no tables: call pacifica-ingest-cmd dbsync") from error
        raise


def wait_for_database(settings: Settings, engine: Engine) -> None:
    """Connect once, in `connect_attempts` tries `connect_wait` seconds apart; raises DatabaseUnavailable."""
    for attempt in range(1, settings.connect_attempts + 1):
        try:
            with engine.connect():
                return
        except OperationalError as error:
            if attempt == settings.connect_attempts:
                raise DatabaseUnavailable(f"no database after {attempt} attempts: {first_line(error.orig)}") from error
            time.sleep(settings.connect_wait)


def upgrade_schema(engine: Engine) -> None:
    """Bring the schema to the newest version; does nothing when it is there already.

    An index of a large table takes as long as it takes. Raises ConfigurationError when the tables are those of a newer
    program, DatabaseUnavailable, also when somebody else keeps a table locked.
    """
    configuration = _alembic_configuration()
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(
                f"SET LOCAL lock_timeout = '{STATEMENT_SECONDS}s'; SET LOCAL statement_timeout = 0"
            )
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")
    except CommandError as error:
        raise ConfigurationError(f"the tables are of a version that this program does not know: {error}") from error
    except OperationalError as error:
        raise DatabaseUnavailable(f"the tables cannot be brought up to date: {first_line(error.orig)}") from error


def schema_versions(engine: Engine) -> tuple[str | None, str | None]:
    """Give the version that the database has and the version that this code wants."""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(_alembic_configuration()).get_current_head()


def first_line(error: BaseException | None) -> str:
    """Give the first line of an error's text, for messages of one line."""
    return to_one_line((str(error).strip().splitlines() or [type(error).__name__])[0])


def _alembic_configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return configuration
