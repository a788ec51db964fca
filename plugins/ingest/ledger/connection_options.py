"""The addresses and options of connections to the database of jobs. Used by `database`.

The connections of a pooler in transaction mode (PgBouncer) belong to a session only for one transaction. PgBouncer refuses
options of a session, so the role has them (docs/how-to/scale.md).
"""

from typing import Any

from sqlalchemy import URL, make_url

from ingest.settings.loading import Settings

CONNECT_TIMEOUT_SECONDS = 10
STATEMENT_TIMEOUT_SECONDS = 600
# A host that has disappeared is noticed within a minute.
KEEPALIVE_OPTIONS = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}
SESSION_OPTIONS = "-c idle_in_transaction_session_timeout=60s -c timezone=UTC -c statement_timeout={}s"
ONLY_TEMPORARY = "-c search_path=pg_temp"


def database_url(settings: Settings) -> URL:
    """Return the URL for SQLAlchemy; `postgres://` and `postgresql://` both mean psycopg2."""
    return _psycopg2_url(settings.database_url)


def session_url(settings: Settings) -> URL:
    """Return the URL of connections that are sessions of PostgreSQL, for SQLAlchemy."""
    return _psycopg2_url(settings.session_database_url or settings.database_url)


def pooled_args(settings: Settings, statement_seconds: int) -> dict[str, Any]:
    """Return the arguments of psycopg2 for connections that may lead through a pooler, which refuses all options."""
    return _args("" if settings.session_database_url else SESSION_OPTIONS.format(statement_seconds))


def session_args(statement_seconds: int) -> dict[str, Any]:
    """Return the arguments of psycopg2 for a session of PostgreSQL."""
    return _args(SESSION_OPTIONS.format(statement_seconds))


def temporary_args() -> dict[str, Any]:
    """Return the arguments of psycopg2 for a session in which only temporary tables can be found and created."""
    return _args(f"{SESSION_OPTIONS.format(STATEMENT_TIMEOUT_SECONDS)} {ONLY_TEMPORARY}")


def probe_args(settings: Settings, seconds: int) -> dict[str, Any]:
    """Return the arguments of psycopg2 for a connection that takes at most `seconds`, as each of its queries."""
    options = "" if settings.session_database_url else f"-c statement_timeout={seconds}s"
    return {**_args(options), "connect_timeout": seconds}


def _args(options: str) -> dict[str, Any]:
    return {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "options": options, **KEEPALIVE_OPTIONS}


def _psycopg2_url(url: str) -> URL:
    return make_url(url.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+psycopg2")
