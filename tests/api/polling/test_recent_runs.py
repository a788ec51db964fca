"""Cached runs: no poll waits for Airflow; which runs are refreshed, and how often."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from api.polling import recent_runs
from api.polling.polled_job import REFRESH_SECONDS
from api.polling.recent_runs import POLLED_SECONDS, RecentRuns
from ingest.orchestrator.client import RUNS_PER_REQUEST
from ingest.states.airflow import Run
from tests.api.clock import Clock
from tests.api.polling.counting_airflow import (
    FAILED_RUN,
    RUNNING,
    SUCCESS,
    UNAVAILABLE,
    WAITING,
    CountingAirflow,
    is_unavailable,
    job,
    wait_for,
    wait_for_run,
)


def test_poll_before_airflow_has_answered_is_answered_without_a_run(runs: RecentRuns, airflow: CountingAirflow):
    airflow.may_answer.clear()
    assert [runs.run(job()) for _ in range(200)] == [None] * 200
    airflow.may_answer.set()
    wait_for_run(runs, job(), "running")


def test_polls_while_airflow_hangs_are_answered_with_the_last_known_run(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    wait_for_run(runs, job(), "running")
    airflow.may_answer.clear()
    clock.now += REFRESH_SECONDS
    assert [runs.run(job()) for _ in range(200)] == [RUNNING] * 200
    wait_for(partial(airflow.was_requested, 2))
    airflow.answers = [SUCCESS]
    airflow.may_answer.set()
    wait_for_run(runs, job(), "success")


def test_airflow_that_hangs_is_not_queried_again_before_it_has_answered(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    airflow.may_answer.clear()
    for number in range(50):
        runs.run(job(number))
        clock.now += REFRESH_SECONDS / 50
    wait_for(partial(airflow.was_requested, 1))
    for number in range(50):
        assert runs.run(job(number)) is None
    assert airflow.was_requested(1)
    airflow.may_answer.set()


def test_run_is_requested_once_while_the_answer_is_fresh(runs: RecentRuns, airflow: CountingAirflow):
    wait_for_run(runs, job(), "running")
    for _ in range(50):
        assert runs.run(job()) is RUNNING
    assert airflow.was_requested(1)


def test_run_of_a_job_that_is_polled_is_refreshed_between_the_polls(airflow: CountingAirflow):
    runs = RecentRuns(airflow)
    runs.run(job())
    wait_for(lambda: len(airflow.requested) >= 3)


def test_ended_run_of_a_job_that_waits_is_requested_rarely_until_the_job_is_resumed(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    airflow.answers = [FAILED_RUN, RUNNING]
    wait_for_run(runs, job(**WAITING), "failed")
    for _ in range(4):
        clock.now += REFRESH_SECONDS
        assert runs.run(job(**WAITING)) is FAILED_RUN
    assert airflow.was_requested(1)
    wait_for_run(runs, job(run_changes=1, **WAITING), "running")


def test_job_that_is_no_longer_polled_is_removed_and_the_refresher_ends(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    wait_for_run(runs, job(), "running")
    clock.now += POLLED_SECONDS + REFRESH_SECONDS
    wait_for(lambda: "recent runs" not in names_of_threads(runs))
    assert airflow.was_requested(1)
    airflow.answers = [SUCCESS]
    assert runs.run(job()) is None
    wait_for_run(runs, job(), "success")


def names_of_threads(runs: RecentRuns) -> list[str]:
    """Return the name of the refresher thread, if it is alive."""
    return [runs._refresher.name] if runs._refresher and runs._refresher.is_alive() else []


def test_job_whose_state_no_longer_depends_on_airflow_is_not_refreshed(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    wait_for_run(runs, job(), "running")
    runs.forget(job())
    clock.now += REFRESH_SECONDS
    wait_for(lambda: names_of_threads(runs) == [])
    assert airflow.was_requested(1)


def test_jobs_beyond_the_limit_are_removed_in_the_order_of_their_last_poll(
    runs: RecentRuns, airflow: CountingAirflow, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recent_runs, "MAX_JOBS", 2)
    for number in (1, 2):
        wait_for_run(runs, job(number), "running")
    airflow.may_answer.clear()
    runs.run(job(1))
    runs.run(job(3))
    assert runs.run(job(1)) is RUNNING
    assert runs.run(job(2)) is None
    airflow.may_answer.set()


def test_failure_is_the_result_until_airflow_is_available_again(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    wait_for_run(runs, job(), "running")
    airflow.answers = [UNAVAILABLE, SUCCESS]
    clock.now += REFRESH_SECONDS
    wait_for(lambda: is_unavailable(runs, job()))
    clock.now += REFRESH_SECONDS
    wait_for(lambda: not is_unavailable(runs, job()))
    wait_for_run(runs, job(), "success")


def test_unexpected_error_does_not_end_the_refresher(runs: RecentRuns, airflow: CountingAirflow, clock: Clock):
    airflow.answers = [RuntimeError("it is unavailable"), SUCCESS]
    wait_for(lambda: is_unavailable(runs, job()))
    clock.now += REFRESH_SECONDS
    wait_for(lambda: not is_unavailable(runs, job()))
    wait_for_run(runs, job(), "success")


def test_one_failed_request_is_the_result_for_all_jobs(runs: RecentRuns, airflow: CountingAirflow):
    airflow.may_answer.clear()
    airflow.answers = [UNAVAILABLE]
    with ThreadPoolExecutor(100) as pool:
        assert list(pool.map(lambda number: runs.run(job(number)), range(100))) == [None] * 100
    airflow.may_answer.set()
    for number in range(100):
        wait_for(partial(is_unavailable, runs, job(number)))
    # The batch that was in progress when the others arrived, and one for them.
    assert len(airflow.requested) <= 2


def test_jobs_are_requested_together(runs: RecentRuns, airflow: CountingAirflow):
    airflow.may_answer.clear()
    for number in range(60):
        runs.run(job(number))
    airflow.may_answer.set()
    for number in range(60):
        wait_for_run(runs, job(number), "running")
    requested = [run_id for batch in airflow.requested for run_id in batch]
    assert sorted(requested) == sorted(f"job-{number}" for number in range(60))
    assert len(airflow.requested) <= 1 + -(-60 // RUNS_PER_REQUEST)


def test_each_job_has_its_own_run(runs: RecentRuns, airflow: CountingAirflow):
    airflow.answers = [RUNNING, Run("queued")]
    wait_for_run(runs, job(7), "running")
    wait_for_run(runs, job(8), "queued")
    wait_for_run(runs, job(7), "running")
