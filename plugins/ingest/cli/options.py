"""Shared by the subcommands: the type of the group that they are added to, and the option that names a job."""

import argparse
from typing import TypeAlias

Subcommands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_job_id(subcommand: argparse.ArgumentParser) -> None:
    """Declare `--job-id`, which the original service wrote as `--job_id`."""
    subcommand.add_argument("--job-id", "--job_id", type=int, required=True, metavar="N", help="the job's id")
