"""`dbsync` and `dbchk`: the tables, brought to this program's version, and checked."""

import argparse
import sys

from sqlalchemy import Engine

from ingest.cli.dbsync import synchronise
from ingest.cli.options import Subcommands
from ingest.ledger.database import schema_versions
from ingest.settings.loading import Settings


def add(subcommands: Subcommands) -> None:
    """Declare both subcommands."""
    dbsync = subcommands.add_parser(
        "dbsync", help="bring the tables to the newest version, take over the original's jobs"
    )
    dbsync.set_defaults(run=_dbsync)
    dbchk = subcommands.add_parser("dbchk", help="check that the tables can be worked with (exit code 0) or not (1)")
    dbchk.add_argument("--equal", action="store_true", help="check that they are of exactly this program's version")
    dbchk.set_defaults(run=_dbchk)


def _dbsync(_options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    synchronise(settings, engine)
    return 0


def _dbchk(options: argparse.Namespace, _settings: Settings, engine: Engine) -> int:
    current, wanted = schema_versions(engine)
    usable = current == wanted if options.equal else current is not None
    if not usable:
        print(f"the tables are of version {current}, wanted is {wanted}: call dbsync", file=sys.stderr)  # noqa: T201
    return 0 if usable else 1
