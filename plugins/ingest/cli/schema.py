"""The subcommands `dbsync` and `dbchk`: upgrade the tables to this program's version, and check them."""

import argparse
import sys

from sqlalchemy import Engine

from ingest.cli.dbsync import synchronize
from ingest.cli.options import Subcommands
from ingest.ledger.schema import schema_versions
from ingest.settings.loading import Settings


def add(subcommands: Subcommands) -> None:
    """Declare both subcommands."""
    dbsync = subcommands.add_parser(
        "dbsync", help="upgrade the tables to the newest version and import the original service's jobs"
    )
    dbsync.set_defaults(run=_dbsync)
    dbchk = subcommands.add_parser("dbchk", help="check whether the tables are usable: exit code 0, otherwise 1")
    dbchk.add_argument("--equal", action="store_true", help="require exactly this program's version of the tables")
    dbchk.set_defaults(run=_dbchk)


def _dbsync(_options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    synchronize(settings, engine)
    return 0


def _dbchk(options: argparse.Namespace, _settings: Settings, engine: Engine) -> int:
    current, wanted = schema_versions(engine)
    usable = current == wanted if options.equal else current is not None
    if not usable:
        print(f"the tables have version {current}, this program needs {wanted}; run dbsync", file=sys.stderr)  # noqa: T201
    return 0 if usable else 1
