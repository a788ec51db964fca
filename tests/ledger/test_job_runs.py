"""The records of the ledger about a job's run in Airflow."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from ingest.ledger import job_runs, jobs
from tests.ledger.job_rows import FAILED_BY_HAND, events


def test_time_of_the_first_trigger_is_kept(database_engine: Engine, job_id: int):
    job_runs.mark_triggered(database_engine, job_id)
    first = jobs.read(database_engine, job_id).triggered
    job_runs.mark_triggered(database_engine, job_id)
    assert first is not None
    assert jobs.read(database_engine, job_id).triggered == first
    assert [kind for kind, _ in events(database_engine, job_id)] == ["received", "triggered", "triggered"]


@pytest.mark.parametrize(
    "change", [job_runs.mark_triggered, job_runs.count_clear, job_runs.count_run_change, jobs.lift_override]
)
def test_change_of_the_run_in_airflow_is_counted(
    database_engine: Engine, job_id: int, change: Callable[[Engine, int], object]
):
    job_runs.mark_triggered(database_engine, job_id)
    before = jobs.read(database_engine, job_id).run_changes
    change(database_engine, job_id)
    assert jobs.read(database_engine, job_id).run_changes == before + 1


def test_failed_state_that_a_poll_kept_while_a_retry_cleared_the_run_is_deleted(database_engine: Engine, job_id: int):
    seen = jobs.lift_override(database_engine, job_id)
    jobs.keep_last_state(database_engine, seen, FAILED_BY_HAND)
    job_runs.count_run_change(database_engine, job_id)
    assert jobs.read(database_engine, job_id).record.last is None


def test_state_that_a_poll_found_before_the_run_was_changed_is_not_kept_after_it(database_engine: Engine, job_id: int):
    seen = jobs.lift_override(database_engine, job_id)
    job_runs.count_run_change(database_engine, job_id)
    jobs.keep_last_state(database_engine, seen, FAILED_BY_HAND)
    assert jobs.read(database_engine, job_id).record.last is None


def test_clears_are_counted_with_an_event_each(database_engine: Engine, job_id: int):
    for expected in (1, 2, 3):
        job_runs.count_clear(database_engine, job_id)
        assert jobs.read(database_engine, job_id).record.clears == expected
    assert [kind for kind, _ in events(database_engine, job_id)] == ["received", *["cleared"] * 3]
