"""The subcommand `reconcile`: compare ledger, archive and catalog."""

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
        help="compare ledger, archive and catalog",
        description="For all jobs that have ended, report files that are lost, corrupt or belong to no job, and "
        f"transactions that are missing or differ. Exit code 0: no differences; {FOUND}: differences; 1: an error.",
    )
    reconcile.add_argument("--job-id", "--job_id", type=int, metavar="N", help="only this job (default: all)")
    reconcile.add_argument(
        "--rehash",
        choices=("none", "sample", "full"),
        default="sample",
        help="which files to read and hash; existence and size are always compared (default: sample)",
    )
    reconcile.add_argument(
        "--sample-percent", type=_percent, default=1.0, metavar="PERCENT", help="the size of the sample (default: 1)"
    )
    reconcile.add_argument(
        "--archive-folder",
        type=Path,
        metavar="PATH",
        help="the folder of ArchiveInterface's posix storage, to search for files that belong to no job",
    )
    reconcile.add_argument(
        "--delete-dark",
        action="store_true",
        help="delete from the archive the files that this service sent and that belong to no job any more",
    )
    reconcile.add_argument("--json", action="store_true", help="print one JSON object per line, the summary last")
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
