"""The subcommand `cancel`: end a job for good, as `POST /jobs/N/cancel` does."""

import argparse

from sqlalchemy import Engine

from ingest.cli.options import Subcommands, add_job_id
from ingest.operations.job_actions import AN_ADMIN, cancel_job
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import Settings


def add(subcommands: Subcommands) -> None:
    """Declare the subcommand."""
    cancel = subcommands.add_parser(
        "cancel",
        help="end a job for good",
        description="Stop a job, remove its files from the archive, and show it as FAILED with the code canceled. This is "
        "final: the job cannot be retried. A job that was sent to the catalog cannot be canceled.",
    )
    add_job_id(cancel)
    cancel.set_defaults(run=_run)


def _run(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    account = f"{AN_ADMIN} with pacifica-ingest-cmd"
    cancel_job(settings, engine, AirflowApi(settings), options.job_id, AN_ADMIN, account)
    return 0
