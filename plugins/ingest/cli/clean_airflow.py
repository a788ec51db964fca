"""The subcommand `clean-airflow`: delete old entries of Airflow's event log, and other rows that belong to no run.

Called once a day by the launcher of `make run` and by a service of docker-compose.yaml. Airflow has no REST call for these
rows, and its tasks have no access to its database, so this runs Airflow's own command outside of any task. It does not touch
runs: the command would also delete those of open jobs. `ingest.operations.old_runs` deletes runs.
"""

import argparse
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from ingest.cli.options import Subcommands
from ingest.settings.loading import Settings

# Only with Celery are there tables of its results.
TABLES = ("log", "asset_event", "import_error", "job", "revoked_token", "celery_taskmeta", "celery_tasksetmeta")
ROWS_PER_TRANSACTION = 50_000


def add(subcommands: Subcommands) -> None:
    """Declare the subcommand."""
    clean = subcommands.add_parser(
        "clean-airflow",
        help="delete old entries of Airflow's event log",
        description="Delete rows of Airflow's tables that belong to no run and are older than keep_airflow_days, such as "
        "the entries of its event log. Needs AIRFLOW__DATABASE__SQL_ALCHEMY_CONN. The DAG retention deletes old runs.",
    )
    clean.set_defaults(run=_run, needs_database=False)


def _run(_options: argparse.Namespace, settings: Settings, _engine: Engine) -> int:
    before = datetime.now(UTC) - timedelta(days=settings.keep_airflow_days)
    clean = (
        "clean", "--clean-before-timestamp", before.isoformat(), "--skip-archive",
        "--batch-size", str(ROWS_PER_TRANSACTION), "--error-on-cleanup-failure",
    )  # fmt: skip
    # `clean` first copies what it deletes to a table, which it leaves behind if it is killed.
    return _airflow_db("drop-archived") or _airflow_db(*clean)


def _airflow_db(*arguments: str) -> int:
    """Run a command of `airflow db` on the tables; return its exit code."""
    words = [sys.executable, "-m", "airflow", "db", *arguments, "--tables", ",".join(TABLES), "--yes"]
    return subprocess.run(words, check=False).returncode  # noqa: S603 - Airflow's own command
