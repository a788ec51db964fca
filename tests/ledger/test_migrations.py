"""The migrations create what the models define, may be repeated and can be reverted; each test has its own database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.schema import CreateSchema

from ingest.errors.types import DatabaseUnavailable
from ingest.ledger import jobs, locks, schema
from ingest.ledger.database import make_engine
from ingest.ledger.job_snapshots import Received
from ingest.ledger.locks import SharedLock
from ingest.ledger.models import Base
from ingest.ledger.schema import MIGRATIONS, _alembic_configuration, schema_versions, upgrade_schema
from ingest.settings.loading import Settings
from ingest.states.stages import Kind
from tests.job_creation import create_job
from tools.waiting import wait_until

next_name = count(1)
PLUGINS = MIGRATIONS.parents[2]
VERSIONS = "alembic_version"
# The parts of a schema, as PostgreSQL's catalogs describe them.
CATALOG = {
    "columns": """SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "options": """SELECT relname, reloptions::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND reloptions::text IS NOT NULL""",
    "sequences": """SELECT sequencename, data_type::text, start_value, min_value, max_value, increment_by, cycle
        FROM pg_sequences WHERE schemaname = 'public'""",
}

Description = dict[str, list[tuple[object, ...]]]


@contextmanager
def fresh_database(database_url: str) -> Iterator[str]:
    """Create an empty database on the tests' server, yield its URL, and drop it."""
    name = f"fresh_{next(next_name)}"
    url = make_url(database_url)
    superuser = url.set(username="postgres").render_as_string(hide_password=False)
    server = make_engine(Settings(database_url=superuser), pool_size=1)
    try:
        with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {url.username} TEMPLATE template0")
            try:
                yield url.set(database=name).render_as_string(hide_password=False)
            finally:
                connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        server.dispose()


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    with fresh_database(database_url) as url:
        engine = make_engine(Settings(database_url=url))
        yield engine
        engine.dispose()


def describe(engine: Engine) -> Description:
    """Describe the schema without Alembic's own table."""
    with engine.connect() as connection:
        found = {part: rows(connection, query) for part, query in CATALOG.items()}
    return {part: [row for row in listed if row[0] != VERSIONS] for part, listed in found.items()}


def rows(connection: Connection, query: str) -> list[tuple[object, ...]]:
    return sorted((tuple(row) for row in connection.exec_driver_sql(query)), key=repr)


def downgrade(engine: Engine, version: str) -> None:
    with engine.begin() as connection:
        configuration = _alembic_configuration()
        configuration.attributes["connection"] = connection
        command.downgrade(configuration, version)


def waiting(engine: Engine) -> int:
    """Return the number of migrations that wait for another one to end."""
    query = """SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


def test_alembic_finds_no_difference_between_models_and_migrations(empty: Engine):
    upgrade_schema(empty)
    with empty.begin() as connection:
        configuration = _alembic_configuration()
        configuration.attributes["connection"] = connection
        command.check(configuration)


def test_migrations_create_exactly_what_the_models_define(empty: Engine, database_url: str):
    # Alembic compares neither sequences nor defaults.
    upgrade_schema(empty)
    with fresh_database(database_url) as url:
        other = make_engine(Settings(database_url=url))
        Base.metadata.create_all(other)
        made_by_models = describe(other)
        other.dispose()
    assert describe(empty) == made_by_models


def test_upgrade_creates_every_table_and_sequence(empty: Engine):
    assert not any(describe(empty).values())
    upgrade_schema(empty)
    description = describe(empty)
    assert {row[0] for row in description["columns"]} == set(Base.metadata.tables)
    assert {"job_id_seq", "file_id_seq"} <= {row[0] for row in description["sequences"]}


def test_versions_show_whether_a_database_is_up_to_date(empty: Engine):
    current, wanted = schema_versions(empty)
    assert current is None
    assert wanted is not None
    upgrade_schema(empty)
    assert schema_versions(empty) == (wanted, wanted)


def test_second_upgrade_does_nothing(empty: Engine):
    upgrade_schema(empty)
    create_job(empty, Received(7, Kind.INGEST, "ada", "7.tar", 10))
    before, job = describe(empty), jobs.read(empty, 7)
    upgrade_schema(empty)
    assert describe(empty) == before
    assert jobs.read(empty, 7) == job


def test_services_that_start_simultaneously_create_the_tables_one_after_the_other(empty: Engine):
    url = empty.url.render_as_string(hide_password=False)
    environment = {**os.environ, "PYTHONPATH": str(PLUGINS), "INGEST_DATABASE_URL": url, "INGEST_CONFIG": ""}
    arguments = [sys.executable, "-m", "ingest.cli.main", "dbsync"]
    with empty.begin() as first:
        # As a service in the middle of its migration does.
        locks.acquire(first, SharedLock.MIGRATION)
        services = [subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE) for _ in range(2)]
        wait_until(
            lambda: waiting(empty) == 2 or any(service.poll() is not None for service in services),
            30,
            lambda: f"{waiting(empty)} services wait",
        )
        assert waiting(empty) == 2
        assert not any(describe(empty).values())
    ends = [(service.communicate(timeout=60)[1], service.returncode) for service in services]
    assert ends == [(b"", 0)] * 2
    current, wanted = schema_versions(empty)
    assert current == wanted


def test_downgrade_to_base_leaves_nothing_and_upgrade_creates_all_again(empty: Engine):
    upgrade_schema(empty)
    before = describe(empty)
    create_job(empty, Received(7, Kind.INGEST, "ada", "7.tar", 10))
    downgrade(empty, "base")
    assert not any(describe(empty).values())
    assert schema_versions(empty)[0] is None
    upgrade_schema(empty)
    assert describe(empty) == before
    current, wanted = schema_versions(empty)
    assert current == wanted


def test_jobs_of_0_1_0_are_kept_by_the_upgrade_to_the_next_version(empty: Engine):
    upgrade_schema(empty)
    create_job(empty, Received(7, Kind.INGEST, "ada", "7.tar", 10))
    before, job = describe(empty), jobs.read(empty, 7)
    downgrade(empty, "0001")
    assert "original_job" not in {row[0] for row in describe(empty)["columns"]}
    upgrade_schema(empty)
    assert describe(empty) == before
    assert jobs.read(empty, 7) == job


def test_upgrade_clears_the_spool_names_of_removed_bundles(empty: Engine):
    upgrade_schema(empty)
    for job in (7, 8, 9):
        create_job(empty, Received(job, Kind.INGEST, "ada", f"{job}.tar", 10))
    downgrade(empty, "0002")
    with empty.begin() as connection:
        connection.exec_driver_sql("UPDATE job SET outcome = 'catalogued' WHERE id IN (7, 8)")
        connection.exec_driver_sql("INSERT INTO event (job_id, kind) VALUES (7, 'spool_freed'), (9, 'stage_started')")
    upgrade_schema(empty)
    assert [jobs.read(empty, job).received.spool_name for job in (7, 8, 9)] == ["", "8.tar", "9.tar"]


def test_downgrade_drops_the_events_of_uploads_that_never_became_jobs_and_keeps_the_others(empty: Engine):
    upgrade_schema(empty)
    create_job(empty, Received(7, Kind.INGEST, "ada", "7.tar", 10))
    with empty.begin() as connection:
        connection.exec_driver_sql("INSERT INTO event (job_id, kind) VALUES (8, 'upload_abandoned')")
    downgrade(empty, "0002")
    with empty.connect() as connection:
        assert rows(connection, "SELECT job_id, kind FROM event") == [(7, "received")]


def test_upgrade_that_fails_half_way_leaves_nothing(empty: Engine):
    with empty.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE file (id bigint)")
    before = describe(empty)
    with pytest.raises(Exception, match='relation "file" already exists'):
        upgrade_schema(empty)
    assert describe(empty) == before
    assert schema_versions(empty)[0] is None


def test_tables_of_other_schemas_are_left_alone(empty: Engine):
    with empty.begin() as connection:
        connection.execute(CreateSchema("other"))
        connection.exec_driver_sql("CREATE TABLE other.job AS SELECT 1 AS mine")
    upgrade_schema(empty)
    downgrade(empty, "base")
    with empty.connect() as connection:
        assert connection.exec_driver_sql("SELECT mine FROM other.job").scalar() == 1


def test_upgrade_limits_the_wait_for_a_lock_but_no_statement(empty: Engine, monkeypatch: pytest.MonkeyPatch):
    limits: list[object] = []

    def look(configuration: Config, _revision: str) -> None:
        connection = configuration.attributes["connection"]
        limits.extend(
            connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in ("statement_timeout", "lock_timeout")
        )

    monkeypatch.setattr(command, "upgrade", look)
    upgrade_schema(empty)
    assert limits == ["0", "10min"]


def test_table_that_another_session_keeps_locked_means_unavailable(empty: Engine, monkeypatch: pytest.MonkeyPatch):
    upgrade_schema(empty)
    monkeypatch.setattr(schema, "STATEMENT_TIMEOUT_SECONDS", 1)
    with empty.connect() as other, other.begin():
        other.exec_driver_sql(f"LOCK TABLE {VERSIONS} IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailable, match="lock timeout"):
            upgrade_schema(empty)
