"""The subcommand `retry`: continue a job, or run a local file as a job."""

import argparse
from pathlib import Path

from sqlalchemy import Engine

from ingest.cli.options import Subcommands, add_job_id
from ingest.operations.job_actions import retry_job
from ingest.operations.replace_bundle import run_with_file
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.obstacles import report_obstacles
from ingest.settings.loading import Settings
from ingest.states.stages import Kind
from ingest.system.sanitize import to_one_line


def add(subcommands: Subcommands) -> None:
    """Declare the subcommand."""
    again = subcommands.add_parser(
        "retry",
        help="continue a job, or run a local file as a job",
        description="Clear the unfinished stages of a job, or replace its run if clearing cannot help, and remove a state "
        "that was set by hand. With --path: run that file as the job, in place of its former bundle.",
    )
    add_job_id(again)
    again.add_argument("--path", type=Path, metavar="FILE", help="a bundle, or with --move a move document")
    again.add_argument(
        "--username", type=to_one_line, metavar="NAME", help="the user that policy is queried about (with --path)"
    )
    again.add_argument("--move", action="store_true", help="the file is a move document (with --path)")
    again.set_defaults(run=_run)


def _run(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    airflow = AirflowApi(settings)
    if options.path is None:
        retry_job(engine, airflow, options.job_id)
        return 0
    user = options.username or settings.default_user
    kind = Kind.MOVE if options.move else Kind.INGEST
    with report_obstacles(engine, airflow, options.job_id):
        run_with_file(settings, engine, airflow, options.job_id, user, kind, options.path)
    return 0
