"""The ledger on which the fuzz target `preflight` checks documents: a PostgreSQL of its own. Started by the runner.

A target cannot start it, because libFuzzer ends the process without returning to Python.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ingest.ledger.database import make_engine
from ingest.ledger.schema import upgrade_schema
from ingest.local.postgres import create_database
from ingest.settings.loading import Settings
from tools.pacifica_core.database import postgres_in

# The variable that names the ledger to a target.
URL_VARIABLE = "FUZZ_DATABASE_URL"
DATABASE = "ingest"


@contextmanager
def fuzz_ledger() -> Iterator[str]:
    """Run a PostgreSQL with an empty ledger; yield its URL."""
    with TemporaryDirectory(prefix="fuzz-") as folder, postgres_in(Path(folder)) as layout:
        create_database(layout, DATABASE)
        url = f"postgresql://{DATABASE}@/{DATABASE}?host={layout.sockets}"
        engine = make_engine(Settings(database_url=url))
        upgrade_schema(engine)
        engine.dispose()
        yield url
