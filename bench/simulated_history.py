"""The history of a busy installation: copies of a real job and a real run of housekeeping, in both databases and the logs.

PostgreSQL copies the rows of the job that was posted first, and of a scheduled run of housekeeping, with other ids and
earlier times. So the rows have exactly the form that this version of Airflow writes. Used by the row `growth`.
"""

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

FIRST_JOB, FIRST_FILE = 1_000_000, 100_000_000
DAY_SECONDS = 86_400
# Copying a log takes longer than copying all rows of its run.
RUNS_PER_LOG = 10
# How the ids of the copies of housekeeping's runs begin.
SIMULATED = "simulated-"
# Runs that Airflow schedules have whole minutes between them, and no two runs of a DAG have the same date.
BETWEEN_RUNS = "interval '0.5 second'"
COLUMNS = text("""
    SELECT column_name, data_type FROM information_schema.columns WHERE table_name = :table AND is_generated = 'NEVER'
""")


@dataclass(frozen=True)
class Copies:
    """Copies of a DAG's run, evenly distributed over the last days; the id of the run `n` is `prefix` and `first` + n."""

    dag_id: str
    template: str
    prefix: str
    first: int
    count: int
    days: float

    @property
    def run_id(self) -> str:
        """SQL for the id of the run `n`."""
        return f"'{self.prefix}' || {self.first} + n"

    @property
    def age(self) -> str:
        """SQL for how long before the template the run `n` was: never 0, because Airflow's runs of a DAG differ in time."""
        seconds = self.days * DAY_SECONDS / self.count
        return f"(({self.count + 1} - n) * {seconds} * interval '1 second' + {BETWEEN_RUNS})"


def job_copies(count: int, days: float) -> Copies:
    """Return copies of the job 1."""
    return Copies("ingest", "job-1", "job-", FIRST_JOB, count, days)


def housekeeping_copies(template: str, count: int, days: float) -> Copies:
    """Return copies of a run of housekeeping."""
    return Copies("housekeeping", template, SIMULATED, 0, count, days)


def fill_airflow(engine: Engine, copies: Copies) -> None:
    """Copy the rows of the template, except its rendered fields, which Airflow keeps only for the last 30 runs of a DAG."""
    of_run = f"dag_id = '{copies.dag_id}' AND run_id = '{copies.template}'"
    named = {"run_id": copies.run_id}
    run = f"(SELECT id FROM dag_run AS made WHERE made.dag_id = source.dag_id AND made.run_id = {copies.run_id})"  # noqa: S608
    _copy(engine, copies, "dag_run", of_run, {**named, "id": _next_id("dag_run")})
    _copy(engine, copies, "task_instance", of_run, {**named, "id": f"uuidv7(-{copies.age})"})
    _copy(engine, copies, "xcom", of_run, {**named, "dag_run_id": run})
    _copy(engine, copies, "log", of_run, {**named, "id": _next_id("log")})
    of_source = f"source_dag_id = '{copies.dag_id}' AND source_run_id = '{copies.template}'"
    event = {"source_run_id": copies.run_id, "id": _next_id("asset_event")}
    _copy(engine, copies, "asset_event", of_source, event)


def delete_housekeeping(engine: Engine, logs: Path) -> None:
    """Delete all copies of runs of housekeeping, with their logs."""
    of_copies = f"dag_id = 'housekeeping' AND run_id LIKE '{SIMULATED}%'"
    with engine.begin() as connection:
        # Their tasks and results are deleted with them.
        for table in ("dag_run", "log"):
            connection.exec_driver_sql(f"DELETE FROM {table} WHERE {of_copies}".replace("%", "%%"))  # noqa: S608
    for folder in (logs / "dag_id=housekeeping").glob(f"run_id={SIMULATED}*"):
        shutil.rmtree(folder)


def fill_ledger(engine: Engine, copies: Copies) -> None:
    """Copy the rows of the job 1, which has one file."""
    job, file = f"{FIRST_JOB} + n", f"{FIRST_FILE} + n"
    of_transaction = {"transaction_id": job}
    _copy(engine, copies, "job", "id = 1", {"id": job})
    _copy(engine, copies, "file", "job_id = 1", {"id": _next_id("file"), "job_id": job, "file_id": file})
    _copy(engine, copies, "event", "job_id = 1", {"id": _next_id("event"), "job_id": job})
    _copy(engine, copies, "catalogue_transaction", "id = 1", {"id": job})
    entry = {"id": _next_id("catalogue_entry"), **of_transaction}
    _copy(engine, copies, "catalogue_entry", "transaction_id = 1", entry)
    _copy(engine, copies, "catalogue_file", "transaction_id = 1", {"id": file, **of_transaction})


def write_logs(logs: Path, copies: Copies) -> None:
    """Copy the logs of the template for every RUNS_PER_LOG-th run, each with the age of its run."""
    folder = logs / f"dag_id={copies.dag_id}"
    for number in range(RUNS_PER_LOG, copies.count + 1, RUNS_PER_LOG):
        copy = folder / f"run_id={copies.prefix}{copies.first + number}"
        shutil.copytree(folder / f"run_id={copies.template}", copy)
        at = time.time() - (copies.count + 1 - number) * copies.days * DAY_SECONDS / copies.count
        for path in (copy, *copy.rglob("*")):
            os.utime(path, (at, at))


def _copy(engine: Engine, copies: Copies, table: str, where: str, changes: Mapping[str, str]) -> None:
    """Insert the copies of the rows of a table that meet a condition; times are moved to the age of the copy."""
    with engine.begin() as connection:
        columns: dict[str, str] = dict(connection.execute(COLUMNS, {"table": table}).tuples().all())
        values = [
            changes.get(name) or (f'"{name}" - {copies.age}' if kind.startswith("timestamp") else f'"{name}"')
            for name, kind in columns.items()
        ]
        names = ", ".join(f'"{name}"' for name in columns)
        numbers = f"generate_series(1, {copies.count}) AS n"
        source = f"(SELECT * FROM {table} WHERE {where}) AS source CROSS JOIN {numbers}"  # noqa: S608
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM {source}")  # noqa: S608
    # For the plans of the next statements, and of the foreign keys' checks.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"VACUUM ANALYZE {table}")


def _next_id(table: str) -> str:
    return f"nextval(pg_get_serial_sequence('{table}', 'id'))"
