"""config/scheduler_work.py on the database of a real Airflow: what its query says of a job, from its run to its end."""

from collections.abc import Iterator

import pytest
from scheduler_work import query_work
from sqlalchemy import Engine, create_engine

from ingest.local.environment import database_url
from ingest.local.layout import Layout
from tests.faults import held_jobs
from tests.faults.end_assertions import assert_complete
from tests.faults.points import Points
from tools.stack import Stack
from tools.waiting import wait_until


@pytest.fixture
def airflow_database(stack: Stack) -> Iterator[Engine]:
    engine = create_engine(database_url(Layout(stack.home), "airflow"))
    yield engine
    engine.dispose()


def test_query_names_the_task_of_a_job_until_it_ends(
    stack: Stack, ledger: Engine, points: Points, airflow_database: Engine
):
    job = held_jobs.post_and_hold(stack, points)
    with airflow_database.connect() as connection:
        task = connection.exec_driver_sql(
            "SELECT id::text FROM task_instance WHERE run_id = %s AND task_id = 'ingest_files'", (f"job-{job}",)
        ).scalar_one()
    held = query_work(airflow_database)
    assert task in held.active_tasks
    assert held.running_runs >= 1
    held_jobs.release(points, job)
    wait_until(lambda: task not in query_work(airflow_database).active_tasks, 60, lambda: "the task does not end")
    assert query_work(airflow_database).has_changed_since(held)
    stack.wait_for_end(job)
    assert_complete(stack, ledger, job, held_jobs.CONTENTS)


def test_query_counts_the_run_that_a_paused_dag_does_not_start(stack: Stack, airflow_database: Engine):
    stack.request_airflow("PATCH", "/dags/reconcile", {"is_paused": True})
    try:
        before = query_work(airflow_database)
        stack.request_airflow("POST", "/dags/reconcile/dagRuns", {"logical_date": None})
        wait_until(
            lambda: query_work(airflow_database).queued_runs > before.queued_runs, 60, lambda: "no run is queued"
        )
    finally:
        stack.request_airflow("PATCH", "/dags/reconcile", {"is_paused": False})
    wait_until(lambda: query_work(airflow_database).queued_runs == 0, 60, lambda: "the run does not start")
