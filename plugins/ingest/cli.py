"""`pacifica-ingest-cmd`: what admins do to jobs and to the database, by subcommands that the original service had too.

Called from a shell. Errors of ours end in one line on stderr and exit code 1, wrong usage in exit code 2.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from ingest.airflow_api import AirflowApi
from ingest.database import make_engine, schema_versions, wait_for_database
from ingest.dbsync import synchronise
from ingest.errors import IngestError, one_line
from ingest.replacing import run_file
from ingest.running import retry, set_state
from ingest.settings import CONFIG_FILE_VARIABLE, Settings, load_settings
from ingest.states import ALMOST_DONE, DONE, FAILED, RECEIVED_LABEL, JobState, Kind, Stage

LABELS = (RECEIVED_LABEL, *(stage.label for stage in Stage))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; gives the exit code."""
    options = parser().parse_args(arguments)
    try:
        named = {CONFIG_FILE_VARIABLE: options.config} if options.config is not None else {}
        settings = load_settings({**os.environ, **named})
        engine = make_engine(settings, pool_size=1)
        try:
            wait_for_database(settings, engine)
            return int(options.run(options, settings, engine))
        finally:
            engine.dispose()
    except (IngestError, OSError) as error:
        print(f"pacifica-ingest-cmd: {error}", file=sys.stderr)  # noqa: T201 - a command speaks to a person
        return 1


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command, its subcommands and their options."""
    command = argparse.ArgumentParser(prog="pacifica-ingest-cmd", description="Administer the jobs of Pacifica Ingest.")
    command.add_argument("-c", "--config", metavar="FILE", help=f"the INI file (default: ${CONFIG_FILE_VARIABLE})")
    subcommands = command.add_subparsers(required=True, metavar="SUBCOMMAND")
    _add_job(subcommands)
    _add_retry(subcommands)
    dbsync = subcommands.add_parser(
        "dbsync", help="bring the tables to the newest version, take over the original's jobs"
    )
    dbsync.set_defaults(run=_dbsync)
    dbchk = subcommands.add_parser("dbchk", help="check that the tables can be worked with (exit code 0) or not (1)")
    dbchk.add_argument("--equal", action="store_true", help="check that they are of exactly this program's version")
    dbchk.set_defaults(run=_dbchk)
    return command


def _add_job(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    job = subcommands.add_parser(
        "job",
        help="set the state of a job by hand",
        description="Set the state that clients see of a job. FAILED stops it until it is retried; OK is shown until "
        "its next stage begins.",
    )
    _add_job_id(job)
    job.add_argument("--state", required=True, choices=("OK", FAILED), help="FAILED also fails the run in Airflow")
    job.add_argument("--task", required=True, choices=LABELS, metavar="TASK", help=f"one of: {', '.join(LABELS)}")
    job.add_argument("--task-percent", type=_percent, default=0.0, metavar="PERCENT", help="from 0.0 to 100.0")
    job.add_argument(
        "--exception",
        default="",
        type=one_line,
        metavar="TEXT",
        help="what clients are told, such as who did it and why",
    )
    job.set_defaults(run=_job)


def _add_retry(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    again = subcommands.add_parser(
        "retry",
        help="let a job go on, or run a local file as a job",
        description="Clear the unfinished stages of a job, and lift a state that was set by hand. With --path: run that "
        "file as the job, in place of the bundle that it had.",
    )
    _add_job_id(again)
    again.add_argument("--path", type=Path, metavar="FILE", help="a bundle, or with --move a move document")
    again.add_argument(
        "--username", type=one_line, metavar="NAME", help="the user that policy is asked about (with --path)"
    )
    again.add_argument("--move", action="store_true", help="the file is a move document (with --path)")
    again.set_defaults(run=_retry)


def _add_job_id(subcommand: argparse.ArgumentParser) -> None:
    subcommand.add_argument("--job-id", "--job_id", type=int, required=True, metavar="N", help="the job's id")


def _percent(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0.0 <= percent <= DONE:
        raise argparse.ArgumentTypeError("must be from 0.0 to 100.0")
    return percent


def _job(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    percent = options.task_percent
    if options.state != FAILED and options.task == Stage.INGEST_METADATA.label:
        # Clients take this label with 100 for the end; only the catalogue may say that.
        percent = min(percent, ALMOST_DONE)
    state = JobState(options.state, options.task, percent, options.exception, complete=options.state == FAILED)
    set_state(engine, AirflowApi(settings), options.job_id, state)
    return 0


def _retry(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    airflow = AirflowApi(settings)
    if options.path is None:
        retry(engine, airflow, options.job_id)
    else:
        user = options.username or settings.default_user
        kind = Kind.MOVE if options.move else Kind.INGEST
        run_file(settings, engine, airflow, options.job_id, user, kind, options.path)
    return 0


def _dbsync(_options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    synchronise(settings, engine)
    return 0


def _dbchk(options: argparse.Namespace, _settings: Settings, engine: Engine) -> int:
    current, wanted = schema_versions(engine)
    usable = current == wanted if options.equal else current is not None
    if not usable:
        print(f"the tables are of version {current}, wanted is {wanted}: call dbsync", file=sys.stderr)  # noqa: T201
    return 0 if usable else 1


if __name__ == "__main__":
    sys.exit(main())
