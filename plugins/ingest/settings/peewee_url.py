"""The database URLs of peewee, which the original service connects with, as SQLAlchemy understands them.

Called by `ingest.settings.loading` for the option `peewee_url` and the variable `PEEWEE_URL`, so that an original's URL
logs in to the same database with the same password: peewee takes user and password as they are written, SQLAlchemy
decodes `%40`.
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
# What peewee keeps for itself; libpq would refuse it.
PEEWEES_OWN = frozenset({
    "max_connections", "stale_timeout", "timeout",
    "thread_safe", "autorollback", "autocommit", "autoconnect", "field_types", "operations",
    "register_unicode", "encoding", "isolation_level", "register_hstore", "server_side_cursors",
})  # fmt: skip


def sqlalchemy_url(url: str) -> str:
    """Translate a URL of peewee's that names PostgreSQL; any other text is given back as it is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if parts.scheme.removesuffix(POOL) not in POSTGRESQL or "://" not in url:
        return url
    query = {name: value for name, value in parse_qsl(parts.query) if name not in PEEWEES_OWN}
    return URL.create(
        "postgresql", parts.username, parts.password, parts.hostname, port, parts.path[1:], query
    ).render_as_string(hide_password=False)


def other_database(url: str) -> str | None:
    """Give the name of the database that a URL of peewee's names, if it is not PostgreSQL and known to peewee."""
    scheme, separator, _ = url.partition(":")
    return OTHER_DATABASES.get(scheme.removesuffix(POOL)) if separator else None
