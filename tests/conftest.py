"""A real PostgreSQL and the real Pacifica services, each started once in a process, for the tests that need them."""

import signal
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, func, select

from ingest.ledger.database import make_engine
from ingest.ledger.models import FILE_IDS, JOB_IDS, Base
from ingest.ledger.schema import upgrade_schema
from ingest.local.environment import database_url as url_in
from ingest.local.layout import Layout
from ingest.local.postgres import create_database, create_databases
from ingest.settings.loading import Settings
from tests.corpus import report
from tools.pacifica_core.core import Core
from tools.pacifica_core.database import execute, postgres_in
from tools.pacifica_core.services import SERVICES
from tools.stack import free_port

SEPARATE = "separate"
RESTART_SEQUENCES = "SELECT setval(sequencename::regclass, start_value, false) FROM pg_sequences"

# Also without the compiler, which only long queries need.
NOT_DURABLE = ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "jit = off")

if threading.current_thread() is threading.main_thread():
    # A shell that starts the tests in the background makes them, and the programs that they start, ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.groups", "tests.job_fixtures", "tests.otlp_receiver", "tests.tiers"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how close the cases of the corpus came to their limits, if they ran."""
    ran = [each for outcome in ("passed", "failed") for each in terminalreporter.stats.get(outcome, [])]
    if any(each.nodeid.startswith("tests/corpus/") for each in ran) and (measured := report.read()):
        terminalreporter.write_line(report.summary(measured))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """Return the layout of a PostgreSQL that only these tests use.

    It writes nothing durably: no test that uses it survives its end.
    """
    with postgres_in(tmp_path_factory.mktemp("postgres")) as layout:
        for setting in NOT_DURABLE:
            execute(layout, "postgres", f"ALTER SYSTEM SET {setting}")
        execute(layout, "postgres", "SELECT pg_reload_conf()")
        create_databases(layout)
        yield layout


@pytest.fixture(scope="session")
def database_url(postgres: Layout) -> str:
    """Return the URL of the ledger's database, migrated to the newest schema."""
    # Without the driver, as an admin writes it.
    url = url_in(postgres, "ingest").replace("+psycopg2", "")
    engine = make_engine(Settings(database_url=url))
    upgrade_schema(engine)
    with engine.begin() as connection:
        # Tests choose small ids for files of the catalog and for jobs; jobs of other tests must not get them.
        connection.execute(select(func.setval(FILE_IDS.name, 5_000_000), func.setval(JOB_IDS.name, 300_000_000)))
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def core(postgres: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    """Return the real Pacifica services, running."""
    core = Core(tmp_path_factory.mktemp("core"), postgres, {name: free_port() for name in SERVICES})
    try:
        core.start_all()
        yield core
    finally:
        core.stop_all()


@pytest.fixture(scope="session")
def database_engine(database_url: str) -> Iterator[Engine]:
    """Return an engine on the ledger's database."""
    engine = make_engine(Settings(database_url=database_url))
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def separate_url(postgres: Layout) -> str:
    """Return the URL of a second ledger, which `separate_engine` empties for each test."""
    create_database(postgres, SEPARATE)
    url = url_in(postgres, SEPARATE).replace("+psycopg2", "")
    engine = make_engine(Settings(database_url=url))
    upgrade_schema(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def engine_of_separate_url(separate_url: str) -> Iterator[Engine]:
    engine = make_engine(Settings(database_url=separate_url))
    yield engine
    engine.dispose()


@pytest.fixture
def separate_engine(engine_of_separate_url: Engine) -> Engine:
    """Return an engine on an empty ledger, for tests that read everything in it.

    Deleting the rows takes far less processor time than a new database for each test, with an engine that compiles every
    statement again.
    """
    with engine_of_separate_url.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
        connection.exec_driver_sql(RESTART_SEQUENCES)
    return engine_of_separate_url
