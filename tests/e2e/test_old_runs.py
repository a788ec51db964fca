"""What housekeeping and retention remove from Airflow, and what `clean-airflow` deletes from its tables."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from ingest.local import program
from tests.archive_outage import ArchiveOutage
from tests.e2e.test_retries import fail_at_ingest_files
from tests.faults import held_jobs
from tests.faults.points import Points
from tools.bundles import make_bundle
from tools.stack import Stack, State
from tools.stack_contents import cataloged, events
from tools.stack_programs import Programs
from tools.waiting import wait_until

RUN_SECONDS = 180
DAYS = 100
NO_JOB = 0


@pytest.fixture
def airflow_database(stack: Stack) -> Iterator[Engine]:
    """Return Airflow's database, in which the tests date runs back."""
    engine = create_engine(stack.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    yield engine
    engine.dispose()


def run_to_end(stack: Stack, dag_id: str) -> str:
    """Run a DAG; wait until the run has ended, and return its id."""
    run_id = str(stack.request_airflow("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None})["dag_run_id"])
    wait_until(
        lambda: state_of_run(stack, dag_id, run_id) in {"success", "failed"},
        RUN_SECONDS,
        lambda: f"{run_id} does not end",
    )
    return run_id


def state_of_run(stack: Stack, dag_id: str, run_id: str) -> str | None:
    """Return the state of a run, or None if Airflow does not have it."""
    answer = stack.call_airflow("GET", f"/dags/{dag_id}/dagRuns/{run_id}", None, "admin")
    return str(answer.json()["state"]) if answer.ok else None


def failed_runs(stack: Stack) -> set[str]:
    """Return the ids of the runs of housekeeping that failed."""
    listed = stack.request_airflow("GET", "/dags/housekeeping/dagRuns?state=failed&limit=100")["dag_runs"]
    return {run["dag_run_id"] for run in listed}


def note_of(stack: Stack, run_id: str) -> object:
    return stack.request_airflow("GET", f"/dags/housekeeping/dagRuns/{run_id}")["note"]


def log_of(stack: Stack, dag_id: str, run_id: str) -> Path:
    return stack.home / "airflow/logs" / f"dag_id={dag_id}" / f"run_id={run_id}"


def execute(engine: Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def make_scheduled(airflow_database: Engine, *run_ids: str) -> None:
    """Make Airflow list runs as the schedule's own."""
    statement = "UPDATE dag_run SET run_type = 'scheduled' WHERE dag_id = 'housekeeping' AND run_id = ANY(:ids)"
    execute(airflow_database, statement, ids=list(run_ids))


def make_old(stack: Stack, airflow_database: Engine, job: int) -> Path:
    """Date the run of a job and its logs back; return the folder of the logs."""
    back = f"- interval '{DAYS} days'"
    run_id = f"job-{job}"
    execute(airflow_database, f"UPDATE dag_run SET end_date = end_date {back} WHERE run_id = :run_id", run_id=run_id)
    folder = log_of(stack, "ingest", run_id)
    at = time.time() - DAYS * 86_400
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (at, at))
    return folder


def rows(connection: Connection, statement: str) -> list[object]:
    return list(connection.scalars(text(statement)))


def test_scheduled_runs_of_housekeeping_that_did_nothing_are_removed(stack: Stack, airflow_database: Engine):
    idle = [run_to_end(stack, "housekeeping") for _ in range(2)]
    by_hand = run_to_end(stack, "housekeeping")
    logs = [log_of(stack, "housekeeping", run_id) for run_id in idle]
    assert all(log.exists() for log in logs)
    make_scheduled(airflow_database, *idle)
    run_to_end(stack, "housekeeping")
    # The newest run of the schedule stays: one of these, if there was no other since.
    assert [state_of_run(stack, "housekeeping", run_id) for run_id in idle].count(None) >= 1
    assert not logs[0].exists()
    assert state_of_run(stack, "housekeeping", by_hand) == "success"


def test_run_of_housekeeping_that_did_something_says_so_and_stays(
    stack: Stack, ledger: Engine, points: Points, airflow_database: Engine
):
    job = held_jobs.post_and_hold(stack, points)
    held_jobs.lose_run(stack, job)
    held_jobs.release(points, job)
    stack.run_housekeeping()
    assert stack.wait_for_end(job, RUN_SECONDS)["state"] == "OK"
    with airflow_database.connect() as connection:
        [run_id] = rows(
            connection,
            "SELECT run_id FROM dag_run JOIN dag_run_note ON dag_run.id = dag_run_id WHERE content = 'cleared: 1' "
            "ORDER BY dag_run.id DESC LIMIT 1",
        )
    make_scheduled(airflow_database, str(run_id))
    for _ in range(2):
        run_to_end(stack, "housekeeping")
    assert note_of(stack, str(run_id)) == "cleared: 1"


@pytest.mark.parametrize("point", ["housekeeping.log_removed", "housekeeping.run_removed"])
def test_housekeeping_that_is_killed_while_it_removes_runs_leaves_only_its_own(
    stack: Stack, airflow_database: Engine, points: Points, point: str
):
    idle = [run_to_end(stack, "housekeeping") for _ in range(3)]
    make_scheduled(airflow_database, *idle)
    before = failed_runs(stack)
    points.arm(point, NO_JOB)
    stack.run_housekeeping()
    points.wait_until_reached(point, NO_JOB, RUN_SECONDS)
    run_to_end(stack, "housekeeping")
    assert [state_of_run(stack, "housekeeping", run_id) for run_id in idle].count(None) >= 2
    assert len(failed_runs(stack) - before) == 1


def test_old_runs_are_removed_and_the_jobs_stay_as_they_are(
    stack: Stack, ledger: Engine, points: Points, airflow_database: Engine, archive_outage: ArchiveOutage
):
    complete = stack.post(make_bundle())
    assert stack.wait_for_end(complete)["state"] == "OK"
    young = stack.post(make_bundle())
    assert stack.wait_for_end(young)["state"] == "OK"
    failed = fail_at_ingest_files(stack, archive_outage)
    before = {job: stack.state(job) for job in (complete, failed)}
    logs = [make_old(stack, airflow_database, job) for job in (complete, failed)]
    points.arm("retention.run_removed", complete)
    assert state_of_run(stack, "retention", run_to_end(stack, "retention")) == "failed"
    assert not points.is_armed("retention.run_removed", complete)
    assert state_of_run(stack, "retention", run_to_end(stack, "retention")) == "success"
    assert [state_of_run(stack, "ingest", f"job-{job}") for job in (complete, failed, young)] == [None, None, "success"]
    assert not any(folder.exists() for folder in logs)
    assert log_of(stack, "ingest", f"job-{young}").exists()
    # A repair would show after the next housekeeping.
    run_to_end(stack, "housekeeping")
    assert {job: stack.state(job) for job in (complete, failed)} == before
    assert stack.command("retry", "--job_id", str(failed)).returncode == 0
    assert_complete(stack, ledger, failed)


def assert_complete(stack: Stack, ledger: Engine, job: int) -> None:
    def is_complete(state: State) -> bool:
        return bool(state["complete"]) and state["state"] == "OK"

    stack.wait(job, is_complete, RUN_SECONDS)
    assert cataloged(ledger, job) is not None


def test_old_run_of_a_job_that_has_not_ended_stays(
    stack: Stack, ledger: Engine, points: Points, airflow_database: Engine
):
    job = held_jobs.post_and_hold(stack, points)
    stack.request_airflow("PATCH", "/dags/housekeeping", {"is_paused": True})
    try:
        held_jobs.lose_run(stack, job)
        held_jobs.release(points, job)
        make_old(stack, airflow_database, job)
        assert state_of_run(stack, "retention", run_to_end(stack, "retention")) == "success"
        assert state_of_run(stack, "ingest", f"job-{job}") == "failed"
    finally:
        stack.request_airflow("PATCH", "/dags/housekeeping", {"is_paused": False})
    stack.run_housekeeping()
    assert_complete(stack, ledger, job)
    assert events(ledger, job).count("triggered") == 1


def test_clean_airflow_deletes_old_entries_and_no_run(stack: Stack, airflow_database: Engine):
    job = stack.post(make_bundle())
    stack.wait_for_end(job)
    execute(
        airflow_database, f"UPDATE dag_run SET start_date = now() - interval '{DAYS} days' WHERE run_id = 'job-{job}'"
    )
    for table, column in (("log", "dttm"), ("asset_event", "timestamp")):
        newest = f"(SELECT max(id) FROM {table})"
        execute(
            airflow_database,
            f"UPDATE {table} SET {column} = now() - interval '{DAYS} days' WHERE id = {newest}",
        )
    # The table of a clean that was killed.
    execute(airflow_database, "CREATE TABLE _airflow_deleted__log__20260101000000__b1 AS SELECT * FROM log LIMIT 1")
    assert Programs(stack).run_to_end(program.AIRFLOW_CLEANUP) == 0
    with airflow_database.connect() as connection:
        for table, column in (("log", "dttm"), ("asset_event", "timestamp")):
            old = f"SELECT id FROM {table} WHERE {column} < now() - interval '90 days'"
            assert rows(connection, old) == []
            assert rows(connection, f"SELECT count(*) FROM {table}") != [0]
        assert rows(connection, "SELECT tablename FROM pg_tables WHERE tablename LIKE '\\_airflow\\_deleted%'") == []
    assert state_of_run(stack, "ingest", f"job-{job}") == "success"
