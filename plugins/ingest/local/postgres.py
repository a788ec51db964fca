"""PostgreSQL from a wheel: its data folder, two databases with a role each, and their schemas. Called at launch."""

import os
import shutil
from contextlib import closing
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from ingest.ledger.database import make_engine, wait_for_database
from ingest.ledger.database_roles import OwnedDatabase, close_other_databases, limit_idle_transactions, provide_database
from ingest.ledger.schema import upgrade_schema
from ingest.local import program
from ingest.local.layout import PRIVATE, Layout
from ingest.local.privileges import account
from ingest.local.reporting import LaunchFailure
from ingest.local.supervision import Supervisor
from ingest.local.waiting import wait_until
from ingest.settings.loading import load_settings

INITDB_SECONDS = 120
START_SECONDS = 120
MIGRATION_SECONDS = 600
CONNECT_SECONDS = 5
AIRFLOW_DATABASE = "airflow"
DATABASES = (AIRFLOW_DATABASE, "ingest")


def start_postgres(supervisor: Supervisor) -> None:
    """Create the data folder at the first start, start PostgreSQL and wait for it; raises LaunchFailure."""
    layout = supervisor.layout
    if not layout.postgres.exists():
        _make_data_folder(supervisor)
    supervisor.start(program.POSTGRES)

    def answers() -> bool:
        supervisor.check_running(program.POSTGRES)
        return _answers(layout)

    wait_until(answers, START_SECONDS, lambda: supervisor.program_failure(program.POSTGRES, "does not answer"))


def create_databases(layout: Layout) -> None:
    """Create missing databases, each with a role of its own; transfer those of earlier versions to their roles."""
    for name in DATABASES:
        create_database(layout, name)
    connect = partial(_connect, layout)
    limit_idle_transactions(connect, AIRFLOW_DATABASE)
    close_other_databases(connect)


def create_database(layout: Layout, name: str) -> None:
    """Create a database and the role of the same name that owns it, if they are missing."""
    # No password: only the stack's account can reach the socket, and that account could read a password file, too.
    provide_database(partial(_connect, layout), OwnedDatabase(name, role=name))


def migrate(supervisor: Supervisor, environment: dict[str, str]) -> None:
    """Upgrade both schemas to this version, Airflow's only if another version migrated it last.

    Raises LaunchFailure, ConfigurationError and DatabaseUnavailable.
    """
    layout = supervisor.layout
    wanted = f"migrated by Airflow {version('apache-airflow')}"
    needed = _read_note(layout) != wanted
    if needed:
        supervisor.start(program.MIGRATION)
    _migrate_ingest(environment)
    if needed:
        _wait_for_airflow_migration(supervisor)
        _write_note(layout, wanted)


def _migrate_ingest(environment: dict[str, str]) -> None:
    settings = load_settings(environment)
    engine = make_engine(settings, pool_size=1)
    try:
        wait_for_database(settings, engine)
        upgrade_schema(engine)
    finally:
        engine.dispose()


def _wait_for_airflow_migration(supervisor: Supervisor) -> None:
    wait_until(
        lambda: supervisor.state(program.MIGRATION) in {"EXITED", "FATAL"},
        MIGRATION_SECONDS,
        lambda: supervisor.program_failure(program.MIGRATION, "takes too long"),
    )
    supervisor.check_ended_well(program.MIGRATION)


def _make_data_folder(supervisor: Supervisor) -> None:
    # Another name until it is complete, so that a folder of an interrupted initdb is not mistaken for a database.
    final = supervisor.layout.postgres
    new = Path(f"{final}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=PRIVATE)
    user = account()
    if user is not None:
        try:
            os.chown(new, user.pw_uid, user.pw_gid)
        except OSError as error:
            raise LaunchFailure(f"cannot change the owner of {new} to '{user.pw_name}': {error.strerror}") from error
    supervisor.run_to_end(program.INITDB, INITDB_SECONDS)
    new.rename(final)


def _connect(layout: Layout, database: str = "postgres") -> Any:  # noqa: ANN401 - psycopg2 has no public name for it
    connection = psycopg2.connect(
        host=str(layout.sockets), user="postgres", dbname=database, connect_timeout=CONNECT_SECONDS
    )
    connection.autocommit = True
    return connection


def _answers(layout: Layout) -> bool:
    try:
        _connect(layout).close()
    except psycopg2.OperationalError:
        return False
    return True


def _read_note(layout: Layout) -> str | None:
    # Kept as a comment on the database itself, so that it moves with the data.
    with closing(_connect(layout)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [AIRFLOW_DATABASE]
        )
        return str(cursor.fetchone()[0])


def _write_note(layout: Layout, note: str) -> None:
    with closing(_connect(layout)) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("COMMENT ON DATABASE airflow IS {}").format(sql.Literal(note)))
