"""The permissions of the roles of the two databases, on a real PostgreSQL."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from ingest.errors.types import ConfigurationError
from ingest.ledger.database import make_engine
from ingest.ledger.database_roles import URLS, read_databases
from ingest.ledger.schema import upgrade_schema
from ingest.local.environment import database_url
from ingest.local.layout import PROJECT, Layout
from ingest.local.postgres import create_database, create_databases
from ingest.settings.loading import Settings
from tools.pacifica_core.database import execute, postgres_in

ROLES = ("ingest", "airflow")
INGEST, AIRFLOW = URLS
REFUSED = {
    "a program": "COPY kept FROM PROGRAM 'cat {path}'",
    "a program that writes": "COPY kept TO PROGRAM 'cat > {path}'",
    "a file": "COPY kept FROM '{path}'",
    "a file to write": "COPY kept TO '{path}'",
    "a file by a function": "SELECT pg_read_file('{path}')",
    "a folder": "SELECT pg_ls_dir('{path}')",
    "a file as a large object": "SELECT lo_import('{path}')",
    "another role": "SET ROLE postgres",
    "rights for itself": "ALTER ROLE CURRENT_USER SUPERUSER",
    "a right to read files": "GRANT pg_read_server_files TO CURRENT_USER",
    "a new role": "CREATE ROLE another SUPERUSER",
    "a new database": "CREATE DATABASE another",
    "the server's settings": "ALTER SYSTEM SET archive_command = 'cat {path}'",
    "a language that does everything": "CREATE FUNCTION run() RETURNS text LANGUAGE c AS '{path}'",
    "another's sessions": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    "the passwords": "SELECT rolpassword FROM pg_authid",
}
# The kinds of objects that Airflow and our migrations create, and further kinds.
OLDER = """
CREATE TABLE job_of_before (id serial PRIMARY KEY, number integer GENERATED ALWAYS AS IDENTITY, text text);
INSERT INTO job_of_before (text) VALUES ('kept');
CREATE INDEX ON job_of_before (text);
CREATE SEQUENCE ids_of_before;
CREATE VIEW view_of_before AS SELECT * FROM job_of_before;
CREATE MATERIALIZED VIEW stored_of_before AS SELECT * FROM job_of_before;
CREATE TYPE state_of_before AS ENUM ('one');
CREATE DOMAIN domain_of_before AS text;
CREATE FUNCTION function_of_before(state_of_before) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA schema_of_before CREATE TABLE table_of_before (id integer);
CREATE EXTENSION vector;
"""
CHANGES = """
INSERT INTO job_of_before (text) VALUES ('new');
ALTER TABLE job_of_before ADD COLUMN more integer;
ALTER SEQUENCE ids_of_before RESTART WITH 7;
CREATE OR REPLACE VIEW view_of_before AS SELECT * FROM job_of_before;
REFRESH MATERIALIZED VIEW stored_of_before;
ALTER TYPE state_of_before ADD VALUE 'two';
ALTER DOMAIN domain_of_before SET NOT NULL;
CREATE OR REPLACE FUNCTION function_of_before(state_of_before) RETURNS integer LANGUAGE sql AS 'SELECT 2';
DROP TABLE schema_of_before.table_of_before;
CREATE TABLE table_of_today (id serial);
CREATE TABLE vector_of_today (value vector(3));
"""


def connected(layout: Layout, role: str, name: str, password: str | None = None) -> Any:
    return psycopg2.connect(host=str(layout.sockets), user=role, dbname=name, password=password, connect_timeout=10)


def run(layout: Layout, role: str, name: str, statements: str) -> list[tuple[Any, ...]]:
    with closing(connected(layout, role, name)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in filter(None, map(str.strip, statements.split(";"))):
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED.keys())
def test_role_reaches_nothing_outside_its_database(postgres: Layout, tmp_path: Path, role: str, statement: str) -> None:
    kept = tmp_path / "secrets"
    kept.write_text("hidden\n")
    with closing(connected(postgres, role, role)) as connection, connection.cursor() as cursor:
        # Statements that cannot run in a transaction must be refused for missing permissions, not for that.
        connection.autocommit = True
        cursor.execute("CREATE TEMPORARY TABLE kept (line text)")
        # PostgreSQL checks the permission before it looks for the file.
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement.format(path=kept))
    assert kept.read_text() == "hidden\n"


@pytest.mark.parametrize("role", ROLES)
def test_role_connects_only_to_its_own_database(postgres: Layout, role: str) -> None:
    databases = [name for (name,) in run(postgres, "postgres", "postgres", "SELECT datname FROM pg_database")]
    assert {"ingest", "airflow", "postgres", "template1"} <= set(databases)
    connected(postgres, role, role).close()
    for name in set(databases) - {role}:
        with pytest.raises(psycopg2.OperationalError, match=r"permission denied|not currently accepting"):
            connected(postgres, role, name)


def test_urls_of_the_stack_name_the_owners(postgres: Layout) -> None:
    for name in ROLES:
        with closing(psycopg2.connect(database_url(postgres, name).replace("+psycopg2", ""))) as connection:
            assert connection.info.user == name
    found = run(postgres, "postgres", "postgres", "SELECT rolname FROM pg_roles WHERE rolsuper")
    assert found == [("postgres",)]


def test_idle_session_of_a_killed_scheduler_ends(postgres: Layout) -> None:
    assert run(postgres, "airflow", "airflow", "SHOW idle_in_transaction_session_timeout") == [("1min",)]


def test_database_of_an_earlier_version_is_transferred_to_its_role(postgres: Layout) -> None:
    name = f"older_{secrets.token_hex(4)}"
    execute(postgres, "postgres", f"CREATE DATABASE {name}")
    run(postgres, "postgres", name, OLDER)
    superuser = make_engine(Settings(database_url=database_url(postgres, name).replace(f"//{name}@", "//postgres@")))
    upgrade_schema(superuser)
    superuser.dispose()
    # Twice, because each start does it.
    for _ in range(2):
        create_database(postgres, name)
    run(postgres, name, name, CHANGES)
    assert run(postgres, name, name, "SELECT id, number, text FROM job_of_before") == [(1, 1, "kept"), (2, 2, "new")]
    owners = run(postgres, name, name, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [(name,)]
    engine = make_engine(Settings(database_url=database_url(postgres, name)))
    upgrade_schema(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE job ADD COLUMN of_a_later_version integer")
        connection.exec_driver_sql("SELECT nextval('job_id_seq')")
    engine.dispose()


@pytest.fixture(scope="module")
def facility(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """Run a PostgreSQL whose roles, except the superuser, need passwords, as in a facility's deployment."""
    with postgres_in(tmp_path_factory.mktemp("facility")) as layout:
        (layout.postgres / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        execute(layout, "postgres", "SELECT pg_reload_conf()")
        yield layout


def urls(layout: Layout, ingest: str, airflow: str) -> dict[str, str]:
    host = f"?host={layout.sockets}"
    return {
        INGEST: f"postgresql://ingest:{ingest}@/ingest{host}",
        AIRFLOW: f"postgresql+psycopg2://airflow:{airflow}@/airflow{host}",
    }


def provide(layout: Layout, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run the command of the service `databases`."""
    libpq = {"PGHOST": str(layout.sockets), "PGUSER": "postgres"}
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "plugins"), **libpq, **variables}
    command = [sys.executable, "-m", "ingest.ledger.database_roles"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_roles_of_a_facility_have_their_passwords_and_accept_new_ones(facility: Layout) -> None:
    for ingest, airflow in (("first1", "first2"), ("second1", "second2")):
        ended = provide(facility, urls(facility, ingest, airflow))
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
        connected(facility, "ingest", "ingest", ingest).close()
        connected(facility, "airflow", "airflow", airflow).close()
    for role, password in (("ingest", "first1"), ("airflow", "second1"), ("airflow", None)):
        with pytest.raises(psycopg2.OperationalError, match="password"):
            connected(facility, role, role, password)
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        connected(facility, "ingest", "airflow", "second1")


def test_no_log_of_the_database_shows_a_password(facility: Layout) -> None:
    execute(facility, "postgres", "ALTER ROLE postgres SET log_statement = 'all'")
    assert provide(facility, urls(facility, "logged1", "logged2")).returncode == 0
    log = facility.log("postgres").read_text()
    assert "ALTER ROLE" in log
    assert "logged1" not in log
    assert "logged2" not in log


def test_facility_whose_superuser_created_the_tables_continues_to_work(tmp_path: Path) -> None:
    with postgres_in(tmp_path / "older") as layout:
        for name in ROLES:
            execute(layout, "postgres", f"CREATE DATABASE {name}")
            run(layout, "postgres", name, OLDER)
        create_databases(layout)
        for name in ROLES:
            run(layout, name, name, CHANGES)


@pytest.mark.parametrize("password", ["", "a/b", "a@b", "a%2Fb", "a b", "ä"])
@pytest.mark.parametrize("variable", [INGEST, AIRFLOW])
def test_password_that_a_url_cannot_hold_is_refused(password: str, variable: str) -> None:
    given = urls(Layout(Path("/data")), "good", "good")
    given[variable] = given[variable].replace("good", password)
    with pytest.raises(ConfigurationError, match=URLS[variable]) as refused:
        read_databases(given)
    assert not password or password not in str(refused.value)


def test_superuser_is_refused_as_the_role_of_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", "ingest")
    with pytest.raises(ConfigurationError, match="superuser"):
        read_databases(urls(Layout(Path("/data")), "good", "good"))
