"""Translates database URLs of peewee, which the original service uses, to URLs for SQLAlchemy.

Called by `ingest.settings.loading` for the option `peewee_url` and the variable `PEEWEE_URL`, so that a URL of the original
service connects to the same database with the same password: peewee reads user and password literally, SQLAlchemy decodes
`%40`.
"""

from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import URL

POSTGRESQL = frozenset({"postgres", "postgresql", "postgresext", "postgresqlext", "psycopg3"})
OTHER_DATABASES = {
    "sqlite": "SQLite",
    "sqliteext": "SQLite",
    "apsw": "SQLite",
    "mysql": "MySQL",
    "cockroachdb": "CockroachDB",
    "crdb": "CockroachDB",
}
POOL = "+pool"
# Parameters of peewee itself, which libpq would refuse.
PEEWEE_PARAMETERS = frozenset({
    "max_connections", "stale_timeout", "timeout",
    "thread_safe", "autorollback", "autocommit", "autoconnect", "field_types", "operations",
    "register_unicode", "encoding", "isolation_level", "register_hstore", "server_side_cursors",
})  # fmt: skip


def sqlalchemy_url(url: str) -> str:
    """Translate a peewee URL of PostgreSQL; return any other text unchanged."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if parts.scheme.removesuffix(POOL) not in POSTGRESQL or "://" not in url:
        return url
    query = {name: value for name, value in parse_qsl(parts.query) if name not in PEEWEE_PARAMETERS}
    return URL.create(
        "postgresql", parts.username, parts.password, parts.hostname, port, parts.path[1:], query
    ).render_as_string(hide_password=False)


def other_database(url: str) -> str | None:
    """Return the database system of a peewee URL, if it is one of peewee's other than PostgreSQL."""
    scheme, separator, _ = url.partition(":")
    return OTHER_DATABASES.get(scheme.removesuffix(POOL)) if separator else None
