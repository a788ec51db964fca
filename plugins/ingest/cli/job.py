"""The subcommand `job`: set the state of a job by hand."""

import argparse

from sqlalchemy import Engine

from ingest.cli.options import Subcommands, add_job_id
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.runs import set_state
from ingest.settings.loading import Settings
from ingest.states.job_record import JobState, JobStatus
from ingest.states.job_state import ALMOST_DONE, DONE, RECEIVED_LABEL
from ingest.states.stages import Stage
from ingest.system.sanitize import to_one_line

STATES = tuple(map(str, JobStatus))
LABELS = (RECEIVED_LABEL, *(stage.label for stage in Stage))


def add(subcommands: Subcommands) -> None:
    """Declare the subcommand."""
    job = subcommands.add_parser(
        "job",
        help="set the state of a job by hand",
        description="Set the state of a job that clients see. FAILED stops the job until it is retried; OK is shown until "
        "its next stage starts.",
    )
    add_job_id(job)
    job.add_argument("--state", required=True, choices=STATES, help="FAILED also fails the run in Airflow")
    job.add_argument("--task", required=True, choices=LABELS, metavar="TASK", help=f"one of: {', '.join(LABELS)}")
    job.add_argument("--task-percent", type=_percent, default=0.0, metavar="PERCENT", help="from 0.0 to 100.0")
    job.add_argument(
        "--exception",
        default="",
        type=to_one_line,
        metavar="TEXT",
        help="the text that clients see, such as who did it and why",
    )
    job.set_defaults(run=_run)


def _percent(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0.0 <= percent <= DONE:
        raise argparse.ArgumentTypeError("must be from 0.0 to 100.0")
    return percent


def _run(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    status, percent = JobStatus(options.state), options.task_percent
    if status is not JobStatus.FAILED and options.task == Stage.INGEST_METADATA.label:
        # To clients this label with 100 % means that the job is complete, and only the ledger may report that.
        percent = min(percent, ALMOST_DONE)
    state = JobState(status, options.task, percent, options.exception, complete=status is JobStatus.FAILED)
    set_state(engine, AirflowApi(settings), options.job_id, state)
    return 0
