"""A real PostgreSQL and a real Pacifica core for the tests that need them, each started once in a process.

`make test` runs three processes beside each other, because much of the time is spent waiting for what was killed; their
stacks start one after the other.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from xdist.scheduler import LoadScopeScheduling

from ingest.ledger.database import make_engine, upgrade_schema
from ingest.ledger.models import FILE_IDS
from ingest.local.environment import database_url as url_in
from ingest.local.layout import Layout
from ingest.local.postgres import create_databases
from ingest.settings.loading import Settings
from tests.corpus import report
from tools.pacifica_core.core import Core
from tools.pacifica_core.database import postgres_in
from tools.pacifica_core.services import SERVICES
from tools.stack import free_port

pytest_plugins = ["tests.job_fixtures"]

# Tests that share a stack run in one process, and what takes longest begins first.
GROUPS = (
    ("clocks and copies", ("faults/test_clock", "faults/test_backup")),
    ("long absences", ("faults/test_api_server_away", "faults/test_hung", "faults/test_supervisor_killed")),
    ("killed", ("faults/test_",)),
    ("core", ("e2e_core/",)),
    ("stack", ("e2e/",)),
    ("two processes", ("archiving/two_processes/",)),
)


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each process one group after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    """Called by pytest-xdist."""
    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests the order of their groups."""
    names = [name for name, _ in GROUPS]
    places = {item: _group(item.nodeid) for item in items}
    items.sort(key=lambda item: names.index(places[item]) if places[item] in names else len(names))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how near to their bounds the cases of the corpus came, when they were run."""
    nodes = {
        result.nodeid for results in terminalreporter.stats.values() for result in results if hasattr(result, "nodeid")
    }
    if any(node.startswith("tests/corpus/") for node in nodes) and (measured := report.read()):
        terminalreporter.write_line(report.summary(measured))


def _group(path: str) -> str:
    within = path.partition("/")[2]
    return next((name for name, beginnings in GROUPS if within.startswith(beginnings)), path)


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
    with engine.begin() as connection:
        # Tests give the catalogue files of small ids by hand, which no job of another test may then be given.
        connection.execute(select(func.setval(FILE_IDS.name, 5_000_000)))
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
