"""Create one PostgreSQL role for each database: it owns that database, cannot connect to others, and is not a superuser.

Called at each launch by `ingest.local.postgres`, and by the service `databases` of docker-compose.yaml (`python -m
ingest.ledger.database_roles`). Both connect as the superuser. No other process of the service does, because a superuser's
statements can read every file and start every program that PostgreSQL can. Every step may be repeated. The ownership of a
database that an earlier version created as the superuser is transferred to its role.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from psycopg2 import extensions, sql

from ingest.errors.types import ConfigurationError
from ingest.system.sanitize import to_one_line

MAINTENANCE_DATABASE = "postgres"
CONNECT_TIMEOUT_SECONDS = 10
LOCK_TIMEOUT_SECONDS = 60
ROLE_OPTIONS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
# The variable of each URL, and the variable by which a facility sets its password.
URLS = {
    "INGEST_DATABASE_URL": "INGEST_DATABASE_PASSWORD",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "AIRFLOW_DATABASE_PASSWORD",
}
# Other characters in a password would have to be quoted, which each parser of URLs does differently.
URL = re.compile(r"postgresql(\+\w+)?://(?P<role>\w+):(?P<password>[A-Za-z0-9]+)@[\w.:-]*/(?P<name>\w+)(\?.*)?")

# Select the statements that transfer objects of other roles in the current database. PostgreSQL's own REASSIGN OWNED
# refuses to take anything from the superuser that created the cluster. A column's sequence, an array type and the row type
# of a table follow their table; objects of an extension stay with it.
TRANSFER_OWNERSHIP = """
WITH new AS (SELECT oid, quote_ident(rolname) AS name FROM pg_roles WHERE rolname = %s),
     ours AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
     follows AS (SELECT classid, objid FROM pg_depend
                 WHERE deptype = 'e' OR (classid = 'pg_class'::regclass AND deptype IN ('a', 'i') AND refobjsubid > 0))
SELECT format('ALTER %%s OWNER TO %%s', named, new.name) FROM new, (
    SELECT 'pg_namespace'::regclass, oid, nspowner, format('SCHEMA %%I', nspname)
      FROM pg_namespace WHERE oid IN (SELECT oid FROM ours) AND nspname <> 'public'
    UNION ALL
    SELECT 'pg_class'::regclass, oid, relowner, format('TABLE %%s', oid::regclass)
      FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relnamespace IN (SELECT oid FROM ours)
    UNION ALL
    SELECT 'pg_type'::regclass, oid, typowner, format('TYPE %%s', oid::regtype)
      FROM pg_type WHERE typtype IN ('d', 'e', 'r') AND typnamespace IN (SELECT oid FROM ours)
    UNION ALL
    SELECT 'pg_proc'::regclass, oid, proowner, format('ROUTINE %%s', oid::regprocedure)
      FROM pg_proc WHERE pronamespace IN (SELECT oid FROM ours)
) AS object (class, id, owner, named)
WHERE owner <> new.oid AND (class, id) NOT IN (SELECT classid, objid FROM follows)
"""

Connect = Callable[[str], Any]


@dataclass(frozen=True)
class OwnedDatabase:
    """A database and the role that owns it; no password where PostgreSQL authenticates the role by other means."""

    name: str
    role: str
    password: str | None = field(default=None, repr=False)


def provide_database(connect: Connect, wanted: OwnedDatabase) -> None:
    """Create role and database unless they exist, and allow only the role to connect; raises psycopg2.Error.

    `connect` opens a connection to a database as the superuser, with autocommit.
    """
    with closing(connect(MAINTENANCE_DATABASE)) as connection, connection.cursor() as cursor:
        _provide_role(cursor, wanted)
        _provide_database(cursor, wanted)
    with closing(connect(wanted.name)) as connection, connection.cursor() as cursor:
        _transfer_ownership(cursor, wanted.role)


def close_other_databases(connect: Connect) -> None:
    """Allow only owners to connect to their databases, also to those that PostgreSQL creates itself."""
    with closing(connect(MAINTENANCE_DATABASE)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        for (name,) in cursor.fetchall():
            _close(cursor, name)


def limit_idle_transactions(connect: Connect, name: str) -> None:
    """End idle transactions, so that the connection of a killed scheduler does not hold the scheduler's lock forever."""
    with closing(connect(MAINTENANCE_DATABASE)) as connection, connection.cursor() as cursor:
        statement = sql.SQL("ALTER DATABASE {} SET idle_in_transaction_session_timeout = '60s'")
        cursor.execute(statement.format(sql.Identifier(name)))


def read_databases(environment: Mapping[str, str]) -> list[OwnedDatabase]:
    """Read the ledger's database, then Airflow's, from their URLs; raises ConfigurationError."""
    return [_read(environment.get(variable, ""), variable, password) for variable, password in URLS.items()]


def main() -> int:
    """Provide both databases of a facility; libpq's variables (`PGHOST`, ...) define the superuser's connection."""
    try:
        ledger, airflow = read_databases(os.environ)
        for wanted in (ledger, airflow):
            provide_database(_connect, wanted)
        limit_idle_transactions(_connect, airflow.name)
        close_other_databases(_connect)
    except (ConfigurationError, psycopg2.Error) as error:
        sys.stderr.write(f"{to_one_line(str(error))}\n")
        return 1
    return 0


def _provide_role(cursor: Any, wanted: OwnedDatabase) -> None:  # noqa: ANN401 - psycopg2 has no public name for it
    role = sql.Identifier(wanted.role)
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [wanted.role])
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL("CREATE ROLE {}").format(role))
    cursor.execute(sql.SQL("ALTER ROLE {} WITH " + ROLE_OPTIONS).format(role))
    if wanted.password is not None:
        # Hashed here, so that it appears in no log of the server.
        verifier = extensions.encrypt_password(wanted.password, wanted.role, cursor.connection, "scram-sha-256")
        cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(verifier)))


def _provide_database(cursor: Any, wanted: OwnedDatabase) -> None:  # noqa: ANN401
    name, role = sql.Identifier(wanted.name), sql.Identifier(wanted.role)
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [wanted.name])
    statement = "CREATE DATABASE {} OWNER {}" if cursor.fetchone() is None else "ALTER DATABASE {} OWNER TO {}"
    cursor.execute(sql.SQL(statement).format(name, role))
    _close(cursor, wanted.name)


def _close(cursor: Any, name: str) -> None:  # noqa: ANN401
    cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))


def _transfer_ownership(cursor: Any, role: str) -> None:  # noqa: ANN401
    # One statement per transaction: an older process may use the tables, and several locks could deadlock with it.
    cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")
    cursor.execute(TRANSFER_OWNERSHIP, [role])
    for (statement,) in cursor.fetchall():
        cursor.execute(statement)


def _read(text: str, variable: str, password_variable: str) -> OwnedDatabase:
    found = URL.fullmatch(text)
    if found is None:
        sentence = f"{variable} must be a URL with a password of letters and digits; set {password_variable}"
        raise ConfigurationError(sentence)
    if found["role"] == os.environ.get("PGUSER"):
        raise ConfigurationError(f"{variable} names the superuser {found['role']}; it must name a role of its own")
    return OwnedDatabase(found["name"], found["role"], found["password"])


def _connect(database: str) -> Any:  # noqa: ANN401
    connection = psycopg2.connect(dbname=database, connect_timeout=CONNECT_TIMEOUT_SECONDS)
    connection.autocommit = True
    return connection


if __name__ == "__main__":
    sys.exit(main())
