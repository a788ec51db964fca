"""PostgreSQL from the wheel, as `make run` starts it. Called by the fixtures of the tests and by `make core`."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

from ingest.local.credentials import load_credentials
from ingest.local.environment import own_environment, whole_environment
from ingest.local.layout import Layout, lock, make_folders
from ingest.local.ports import find_ports
from ingest.local.postgres import start_postgres
from ingest.local.supervision import Supervisor

CONNECT_SECONDS = 10


def execute(postgres: Layout, database: str, statement: str) -> None:
    """Execute a statement in a database, as its administrator does."""
    host, timeout = str(postgres.sockets), CONNECT_SECONDS
    connection = psycopg2.connect(host=host, user="postgres", dbname=database, connect_timeout=timeout)
    # Databases and table spaces cannot be made in a transaction.
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def postgres_in(folder: Path) -> Iterator[Layout]:
    """Run a PostgreSQL in a folder; return the layout, which knows its socket."""
    layout = Layout(folder)
    make_folders(layout)
    own = own_environment(os.environ, layout, find_ports(os.environ), load_credentials(layout))
    supervisor = Supervisor(layout, whole_environment(os.environ, own), lock(layout))
    try:
        supervisor.wait_for_start()
        start_postgres(supervisor)
        yield layout
    finally:
        supervisor.stop()
