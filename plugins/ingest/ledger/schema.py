"""Upgrade the tables of the database of jobs, and read their version (Alembic, in `migrations/`).

Called by the command line and `make run`. Separate from `ingest.ledger.database`, so that the API and the stages start
without importing Alembic.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from ingest.errors.types import ConfigurationError, DatabaseUnavailable
from ingest.ledger.connection_options import STATEMENT_TIMEOUT_SECONDS
from ingest.ledger.database import first_line

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade_schema(engine: Engine) -> None:
    """Upgrade the schema to the newest version; do nothing when it has that version.

    Statements have no time limit, because an index of a large table takes long. Raises ConfigurationError when the tables
    are those of a newer version, DatabaseUnavailable, also when another session keeps a table locked.
    """
    configuration = _alembic_configuration()
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(
                f"SET LOCAL lock_timeout = '{STATEMENT_TIMEOUT_SECONDS}s'; SET LOCAL statement_timeout = 0"
            )
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")
    except CommandError as error:
        raise ConfigurationError(
            f"the tables have a version that this program does not know; install the newer one: {error}"
        ) from error
    except OperationalError as error:
        raise DatabaseUnavailable(f"the tables cannot be upgraded: {first_line(error.orig)}") from error


def schema_versions(engine: Engine) -> tuple[str | None, str | None]:
    """Return the version of the database's schema and the version that this code needs."""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(_alembic_configuration()).get_current_head()


def _alembic_configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return configuration
