"""Replace pooled connections that the server has closed, before they are used.

Used by `ingest.ledger.database`, and by `ingest.ledger.lease` for the connection that holds the lock of a job.

SQLAlchemy's `pool_pre_ping` queries the server before each use, which takes as long as a short transaction. But a server
sends nothing to an idle connection unless it closes it. So a connection is queried only when the kernel has received bytes
for it. Neither check notices quickly that a host has disappeared.
"""

import select
from contextlib import suppress

from psycopg2 import Error
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError


def check_before_use(engine: Engine) -> None:
    """Check each connection when it leaves the pool; if it is closed, replace it and all others of the pool."""

    @event.listens_for(engine, "checkout")
    def check(connection: DBAPIConnection, *_: object) -> None:
        if is_idle(connection):
            return
        try:
            engine.dialect.do_ping(connection)
        except Error as error:
            raise InvalidatePoolError from error


def is_idle(connection: DBAPIConnection | None) -> bool:
    """Return whether a connection is open and has received nothing."""
    if connection is None:
        return False
    with suppress(Error):
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return not poll.poll(0)
    return False
