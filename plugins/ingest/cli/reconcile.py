"""`reconcile`: ledger, archive and catalogue compared."""

import argparse
import json
import logging
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from ingest.cli.options import Subcommands
from ingest.operations.reconcile.comparison import Comparison, Extent
from ingest.operations.reconcile.findings import Counts
from ingest.services import make_services
from ingest.settings.loading import Settings
from ingest.system.sanitize import OneLineFormatter

FOUND = 3
HASHED = {"none": 0.0, "full": 100.0}


def add(subcommands: Subcommands) -> None:
    """Declare the subcommand."""
    reconcile = subcommands.add_parser(
        "reconcile",
        help="compare ledger, archive and catalogue",
        description="Report files that are lost, corrupt or nobody's, and transactions that are missing or differ, of "
        f"all jobs that have ended. Exit code 0: nothing was found; {FOUND}: something was; 1: an error.",
    )
    reconcile.add_argument("--job-id", "--job_id", type=int, metavar="N", help="only this job (default: all)")
    reconcile.add_argument(
        "--rehash",
        choices=("none", "sample", "full"),
        default="sample",
        help="which files are read and hashed; existence and size are always compared (default: sample)",
    )
    reconcile.add_argument(
        "--sample-percent", type=_percent, default=1.0, metavar="PERCENT", help="how large the sample is (default: 1)"
    )
    reconcile.add_argument(
        "--archive-folder",
        type=Path,
        metavar="PATH",
        help="the folder of ArchiveInterface's posix storage, to be read for files that nobody knows",
    )
    reconcile.add_argument(
        "--delete-dark", action="store_true", help="delete from the archive what surely is ours and nobody's any more"
    )
    reconcile.add_argument("--json", action="store_true", help="one JSON object a line, the last one the summary")
    reconcile.set_defaults(run=_run)


def _percent(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0.0 < percent <= HASHED["full"]:
        raise argparse.ArgumentTypeError("must be above 0 and at most 100")
    return percent


def _run(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    log = logging.StreamHandler()
    log.setFormatter(OneLineFormatter("%(message)s"))
    logging.basicConfig(handlers=[log])
    logging.getLogger("ingest.operations.reconcile").setLevel(logging.INFO)
    percent = HASHED.get(options.rehash, options.sample_percent)
    extent = Extent(options.job_id, percent, options.archive_folder, options.delete_dark)
    counts = Counts()
    with closing(make_services(settings, engine)) as services:
        for finding in Comparison(settings, engine, services, extent, counts).findings():
            print(json.dumps(finding.document()) if options.json else finding.line(), flush=True)  # noqa: T201
    print(json.dumps({"summary": counts.summary()}) if options.json else counts.text())  # noqa: T201
    return FOUND if counts.findings else 0
