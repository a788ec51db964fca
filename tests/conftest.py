"""A real PostgreSQL for the tests that need one: started once, from the wheel, as `make run` starts it."""

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from ingest.database import make_engine, upgrade_schema
from ingest.local.credentials import load_credentials
from ingest.local.environment import database_url as url_in
from ingest.local.environment import own_environment, whole_environment
from ingest.local.layout import Layout, lock, make_folders
from ingest.local.ports import find_ports
from ingest.local.postgres import create_databases, start_postgres
from ingest.local.supervision import Supervisor
from ingest.settings import Settings


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the ledger's database, migrated, on a PostgreSQL of the tests' own."""
    layout = Layout(tmp_path_factory.mktemp("postgres"))
    make_folders(layout)
    own = own_environment(os.environ, layout, find_ports(os.environ), load_credentials(layout))
    supervisor = Supervisor(layout, whole_environment(os.environ, own), lock(layout))
    try:
        supervisor.wait_for_start()
        start_postgres(supervisor)
        create_databases(layout)
        # As an admin writes it, without the driver.
        url = url_in(layout, "ingest").replace("+psycopg2", "")
        engine = make_engine(Settings(database_url=url))
        upgrade_schema(engine)
        engine.dispose()
        yield url
    finally:
        supervisor.stop()


@pytest.fixture(scope="session")
def database_engine(database_url: str) -> Iterator[Engine]:
    """An engine on that database."""
    engine = make_engine(Settings(database_url=database_url))
    yield engine
    engine.dispose()
