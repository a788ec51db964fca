"""A real PostgreSQL and a real Pacifica core for the tests that need them, each started once in a process.

`make test` runs three processes beside each other, because much of the time is spent waiting for what was killed.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.database import make_engine, upgrade_schema
from ingest.local.environment import database_url as url_in
from ingest.local.layout import Layout
from ingest.local.postgres import create_databases
from ingest.settings import Settings
from tests.e2e.stack import free_port
from tests.pacifica_core.core import Core
from tests.pacifica_core.database import postgres_in
from tests.pacifica_core.services import SERVICES

# Tests that share a stack run in one process, and what takes longest begins first.
GROUPS = (
    ("clocks and copies", ("faults/test_clock", "faults/test_backup", "faults/test_soak")),
    ("long absences", ("faults/test_api_server_away", "faults/test_hung", "faults/test_supervisor_killed")),
    ("killed", ("faults/test_",)),
    ("core", ("e2e_core/", "upgrade/")),
    ("stack", ("e2e/",)),
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its group, before xdist looks for it; the order is that of the groups."""
    names = [name for name, _ in GROUPS]
    groups = {item: _group(item.path.relative_to(Path(__file__).parent).as_posix()) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: names.index(groups[item]) if groups[item] in names else len(names))


def _group(path: str) -> str:
    return next((name for name, beginnings in GROUPS if path.startswith(beginnings)), path)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """A PostgreSQL of the tests' own, by the layout that it lies in."""
    with postgres_in(tmp_path_factory.mktemp("postgres")) as layout:
        create_databases(layout)
        yield layout


@pytest.fixture(scope="session")
def database_url(postgres: Layout) -> str:
    """The URL of the ledger's database, migrated."""
    # As an admin writes it, without the driver.
    url = url_in(postgres, "ingest").replace("+psycopg2", "")
    engine = make_engine(Settings(database_url=url))
    upgrade_schema(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def core(postgres: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    """The real Pacifica services."""
    core = Core(tmp_path_factory.mktemp("core"), postgres, {name: free_port() for name in SERVICES})
    try:
        core.start_all()
        yield core
    finally:
        core.stop_all()


@pytest.fixture(scope="session")
def database_engine(database_url: str) -> Iterator[Engine]:
    """An engine on that database."""
    engine = make_engine(Settings(database_url=database_url))
    yield engine
    engine.dispose()
