"""100,000 jobs and 90 days of housekeeping: sizes and speed, before, and after the removal of what did nothing or is old.

The jobs are distributed over 100 days, so that a tenth is older than `keep_airflow_days`. The runs of housekeeping are those
that it left behind before it removed them. Speed is compared with that of the same stack while it was empty.
"""

import time
from collections.abc import Iterator

from sqlalchemy import Engine, create_engine, text

from bench.client import Client
from bench.installation import Installation, page_milliseconds, sizes
from bench.measurements import THIS_SERVICE, Line
from bench.rows.tiny import job_seconds
from bench.simulated_history import (
    delete_housekeeping,
    fill_airflow,
    fill_ledger,
    housekeeping_copies,
    job_copies,
    write_logs,
)
from bench.testbed import Testbed
from ingest.operations.housekeeping_runs import remove_uneventful
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import load_settings
from ingest.states.airflow import ENDED_RUN_STATES
from tools.stack import Stack, ledger_of
from tools.waiting import wait_until

NAME = "growth"
TITLE = "100,000 jobs and 90 days of housekeeping"
LIMIT_LABEL = ""
JOBS, JOB_DAYS = 100_000, 100
HOUSEKEEPING_RUNS, HOUSEKEEPING_DAYS = 90 * 1440, 90
ROUNDS, SIMULTANEOUS_JOBS = 5, 20
REMOVED_ONE_BY_ONE = 3000
RUN_SECONDS = 3600
NEWEST_HOUSEKEEPING = text("""
    SELECT run_id FROM dag_run WHERE dag_id = 'housekeeping' AND run_type = 'scheduled' AND state = 'success'
    ORDER BY id DESC LIMIT 1
""")


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure the empty installation, the grown one, and what is left after the removal."""
    stack = testbed.this_service.stack("growth")
    airflow = create_engine(stack.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    with ledger_of(stack) as ledger:
        installation = Installation(stack, airflow, ledger)
        rounds = testbed.rounds(ROUNDS)
        job_seconds(Client(stack.api), 1)
        yield from measure_state(installation, "empty", rounds)
        fill(installation)
        yield from measure_state(installation, "grown", rounds)
        for what, rate in remove(installation).items():
            yield Line(what, "/s", {THIS_SERVICE: [rate]}, lower_is_better=False)
        yield from measure_state(installation, "after the removal", rounds)
    airflow.dispose()


def measure_state(installation: Installation, state: str, rounds: int) -> Iterator[Line]:
    """Measure speed and sizes."""
    client = Client(installation.stack.api)
    seconds = [job_seconds(client, SIMULTANEOUS_JOBS) for _ in range(rounds)]
    yield Line(f"{state}: {SIMULTANEOUS_JOBS} tiny bundles simultaneously", "s", {THIS_SERVICE: seconds})
    for what, milliseconds in page_milliseconds(installation.stack).items():
        yield Line(f"{state}: {what}", "ms", {THIS_SERVICE: milliseconds})
    for what, size in sizes(installation).items():
        yield Line(f"{state}: {what}", "MB", {THIS_SERVICE: [size]}, comparable=False)


def fill(installation: Installation) -> None:
    """Make the history in both databases and the logs, while no other run of housekeeping ends."""
    stack, jobs = installation.stack, job_copies(JOBS, JOB_DAYS)
    stack.request_airflow("PATCH", "/dags/housekeeping", {"is_paused": True})
    with installation.airflow.connect() as connection:
        housekeeping = housekeeping_copies(
            str(connection.scalar(NEWEST_HOUSEKEEPING)), HOUSEKEEPING_RUNS, HOUSEKEEPING_DAYS
        )
    fill_ledger(installation.ledger, jobs)
    for copies in (jobs, housekeeping):
        fill_airflow(installation.airflow, copies)
        write_logs(installation.logs, copies)
    stack.request_airflow("PATCH", "/dags/housekeeping", {"is_paused": False})


def remove(installation: Installation) -> dict[str, float]:
    """Remove what housekeeping and retention remove, without their pauses; return the rates.

    Housekeeping removes its runs when they have ended, so no installation has as many at the same time. Its rate is measured
    with some of them; the others are removed by SQL.
    """
    begun = time.monotonic()
    airflow = AirflowApi(load_settings(installation.stack.environment))
    uneventful = 0
    while uneventful < REMOVED_ONE_BY_ONE and (found := remove_uneventful(airflow, installation.logs)):
        uneventful += found
    between = time.monotonic()
    delete_housekeeping(installation.airflow, installation.logs)
    begun_old = time.monotonic()
    old = 0
    while removed := _run_retention(installation.stack):
        old += removed
    after = time.monotonic()
    installation.stack.command("clean-airflow")
    _vacuum(installation.airflow)
    return {
        "runs of housekeeping that did nothing, removed": uneventful / (between - begun),
        "old runs of jobs, removed by retention": old / (after - begun_old),
    }


def _run_retention(stack: Stack) -> int:
    """Run retention to its end; return the number of removed runs."""
    run_id = stack.request_airflow("POST", "/dags/retention/dagRuns", {"logical_date": None})["dag_run_id"]
    path = f"/dags/retention/dagRuns/{run_id}"

    def has_ended() -> bool:
        return stack.request_airflow("GET", path)["state"] in ENDED_RUN_STATES

    wait_until(has_ended, RUN_SECONDS, lambda: f"{run_id} does not end")
    result = stack.request_airflow("GET", f"{path}/taskInstances/remove_old_runs/xcomEntries/return_value")
    return int(result["value"]["runs"])


def _vacuum(engine: Engine) -> None:
    """Return the freed space to the file system, to see how much is in use; in operation PostgreSQL reuses it."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL ANALYZE"))
