"""Cached runs: no answer uses a run that is out of date, and each end of a run is reported once."""

import os
from functools import partial

import pytest

from api.polling.polled_job import ENDING_SECONDS, REFRESH_SECONDS
from api.polling.recent_runs import RecentRuns
from ingest.states.airflow import Run
from ingest.states.job_record import JobState, JobStatus
from ingest.states.stages import Stage
from tests.api.clock import Clock
from tests.api.polling.counting_airflow import (
    FAILED,
    RUNNING,
    SUCCESS,
    CountingAirflow,
    job,
    wait_for,
    wait_for_run,
)


def test_progress_causes_no_request(runs: RecentRuns, airflow: CountingAirflow):
    wait_for_run(runs, job(), "running")
    for percent in range(10):
        last = JobState(JobStatus.OK, "open tar", percent, "", complete=False)
        assert runs.run(job(percent=float(percent), last=last)) is RUNNING
    assert airflow.was_requested(1)


@pytest.mark.parametrize(
    "record", [{"stage": Stage.OPEN_TAR}, {"finished": Stage.OPEN_TAR}, {"error": FAILED}, {"clears": 1}]
)
def test_run_that_was_read_before_the_ledger_changed_is_not_answered_after_it(
    runs: RecentRuns, airflow: CountingAirflow, record: dict[str, object]
):
    airflow.answers = [SUCCESS, Run("queued")]
    wait_for_run(runs, job(), "success")
    changed = job(**record)  # type: ignore[arg-type]
    assert runs.run(changed) is None
    wait_for_run(runs, changed, "queued")


def test_run_that_was_read_before_a_change_of_it_is_not_answered_after_the_change(
    runs: RecentRuns, airflow: CountingAirflow
):
    airflow.answers = [SUCCESS, Run("queued")]
    wait_for_run(runs, job(), "success")
    assert runs.run(job(run_changes=1)) is None
    wait_for_run(runs, job(run_changes=1), "queued")


def test_run_that_is_read_while_it_is_changed_is_not_answered_after_the_change(
    runs: RecentRuns, airflow: CountingAirflow
):
    airflow.answers = [SUCCESS, Run("queued")]
    airflow.may_answer.clear()
    runs.run(job())
    wait_for(partial(airflow.was_requested, 1))
    # Airflow has read the run but not answered; in the meantime a retry clears the run and counts the change.
    assert runs.run(job(run_changes=1)) is None
    airflow.may_answer.set()
    wait_for(lambda: runs.run(job(run_changes=1)) is not None)
    assert runs.run(job(run_changes=1)) == Run("queued")


@pytest.mark.parametrize(("run", "seconds"), [(RUNNING, ENDING_SECONDS), (Run("failed"), REFRESH_SECONDS)])
def test_run_whose_stage_has_failed_is_refreshed_more_often(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock, run: Run, seconds: float
):
    airflow.answers = [run]
    wait_for(lambda: runs.run(job(error=FAILED)) is run)
    clock.now += seconds - 0.1
    assert runs.run(job(error=FAILED)) is run
    assert airflow.was_requested(1)
    clock.now += 0.1
    runs.run(job(error=FAILED))
    wait_for(partial(airflow.was_requested, 2))


def test_end_of_a_run_is_reported_once_even_without_polls(airflow: CountingAirflow, clock: Clock):
    ended: list[tuple[int, str | None]] = []
    runs = RecentRuns(airflow, clock, lambda snapshot, run: ended.append((snapshot.received.job_id, run.state)))
    wait_for_run(runs, job(), "running")
    airflow.answers = [SUCCESS]
    clock.now += REFRESH_SECONDS
    runs.run(job())
    wait_for(lambda: ended == [(7, "success")])
    clock.now += REFRESH_SECONDS
    runs.run(job())
    wait_for(lambda: len(airflow.requested) == 3)
    wait_for_run(runs, job(), "success")
    assert ended == [(7, "success")]


def test_forked_process_refreshes_for_itself(airflow: CountingAirflow):
    runs = RecentRuns(airflow)
    wait_for_run(runs, job(), "running")
    # As if another thread held the lock at the moment of the fork.
    with runs._changed:
        child = os.fork()
        if child == 0:
            try:
                wait_for_run(runs, job(), "running")
            finally:
                os._exit(0 if len(airflow.requested) >= 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
