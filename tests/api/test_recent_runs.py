"""However many clients poll, Airflow is asked for a job's run once in two seconds by each process, and less often later."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

import pytest

from api import recent_runs
from api.recent_runs import (
    BATCHES_AT_ONCE,
    ENDING_SECONDS,
    FRESH_SECONDS,
    LONGEST_ENDING_SECONDS,
    LONGEST_SECONDS,
    RecentRuns,
)
from ingest.airflow_api import RUNS_AT_ONCE, AirflowApi
from ingest.errors import ServiceUnavailable
from ingest.jobs import JobView, Received
from ingest.states import JobRecord, JobState, Kind, Run, Stage, StageError
from tests.waiting import wait_until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUNNING = Run("running")
FAILED = StageError(Stage.OPEN_TAR, "not_a_tar: the bundle is no tar", final=True)


@dataclass
class CountingAirflow(AirflowApi):
    """Airflow that counts how often it is asked."""

    answers: list[Run | ServiceUnavailable] = field(default_factory=lambda: [RUNNING])
    asked: list[dict[str, str]] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def runs(self, dags: Mapping[str, str], seconds: float | None = None) -> dict[str, Run]:
        assert seconds == recent_runs.WAIT_SECONDS
        self.asked.append(dict(dags))
        assert self.may_answer.wait(30)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ServiceUnavailable):
            raise answer
        return dict.fromkeys(dags, answer)

    def was_asked(self, times: int) -> bool:
        return len(self.asked) == times

    def unavailable(self, reason: str) -> ServiceUnavailable:
        return ServiceUnavailable("Airflow", "http://test", reason)


@dataclass
class Clock:
    """The time, as the test says."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def airflow() -> CountingAirflow:
    return CountingAirflow()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runs(airflow: CountingAirflow, clock: Clock, patience: None) -> RecentRuns:
    return RecentRuns(airflow, clock)


def job(job_id: int = 7, run_changes: int = 0, **record: object) -> JobView:
    received = Received(job_id, Kind.INGEST, "anonymous", f"{job_id}.tar", 1)
    known = replace(JobRecord(Kind.INGEST), **record)  # type: ignore[arg-type]
    return JobView(received, known, NOW, NOW, NOW, NOW, run_changes)


def test_run_that_is_polled_is_asked_for_once_while_the_answer_is_fresh(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    for _ in range(50):
        assert runs.run(job()) is RUNNING
    assert len(airflow.asked) == 1
    clock.now += 2 * FRESH_SECONDS
    airflow.answers = [Run("failed")]
    assert runs.run(job()).state == "failed"


def test_nobody_waits_for_the_next_answer_while_the_last_one_is_hardly_too_old(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    runs.run(job())
    clock.now += FRESH_SECONDS
    airflow.may_answer.clear()
    airflow.answers = [Run("failed")]
    assert [runs.run(job()) for _ in range(5)] == [RUNNING] * 5
    airflow.may_answer.set()
    wait_until(lambda: runs.run(job()).state == "failed", 30, lambda: "the answer never comes")
    assert len(airflow.asked) == 2


def test_nobody_waits_long_for_an_airflow_that_is_silent(
    runs: RecentRuns, airflow: CountingAirflow, monkeypatch: pytest.MonkeyPatch
):
    airflow.may_answer.clear()
    monkeypatch.setattr(recent_runs, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(ServiceUnavailable, match=r"silent for 0\.1 seconds"):
        runs.run(job())
    airflow.may_answer.set()
    monkeypatch.setattr(recent_runs, "PATIENCE_SECONDS", 30.0)
    assert runs.run(job()) is RUNNING


def test_airflow_that_is_silent_is_not_asked_again_before_it_has_answered(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    airflow.may_answer.clear()
    monkeypatch.setattr(recent_runs, "PATIENCE_SECONDS", 0.01)
    for _ in range(5):
        with pytest.raises(ServiceUnavailable, match="silent"):
            runs.run(job())
        clock.now += 2 * LONGEST_SECONDS
    wait_until(lambda: len(airflow.asked) == 1, 30, lambda: "it is not asked")
    assert runs.waiting == []
    airflow.may_answer.set()


def test_answer_that_is_too_old_is_not_given_while_the_next_one_is_awaited(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    runs.run(job())
    airflow.may_answer.clear()
    clock.now += FRESH_SECONDS
    assert runs.run(job()) is RUNNING
    clock.now += FRESH_SECONDS
    monkeypatch.setattr(recent_runs, "PATIENCE_SECONDS", 0.01)
    with pytest.raises(ServiceUnavailable, match="silent"):
        runs.run(job())
    airflow.may_answer.set()


def test_all_that_wait_to_be_asked_for_are_told_that_airflow_is_away(runs: RecentRuns, airflow: CountingAirflow):
    airflow.may_answer.clear()
    airflow.answers = [ServiceUnavailable("Airflow", "http://test", "it is away")]
    with ThreadPoolExecutor(100) as pool:
        asked = [pool.submit(runs.run, job(number)) for number in range(100)]
        wait_until(lambda: len(runs.waiting) + sum(map(len, airflow.asked)) == 100, 30, lambda: "not all have come")
        airflow.may_answer.set()
        assert {str(each.exception(30)) for each in asked} == {str(airflow.answers[0])}
    assert len(airflow.asked) <= 2 * BATCHES_AT_ONCE


def test_progress_is_no_reason_to_ask(runs: RecentRuns, airflow: CountingAirflow):
    for percent in range(10):
        runs.run(job(percent=float(percent), last=JobState("OK", "open tar", percent, "", complete=False)))
    assert len(airflow.asked) == 1


def test_what_the_ledger_says_anew_is_a_reason_to_ask(runs: RecentRuns, airflow: CountingAirflow):
    for record in ({}, {"stage": Stage.OPEN_TAR}, {"finished": Stage.OPEN_TAR}, {"error": FAILED}, {"clears": 1}):
        runs.run(job(**record))
    assert len(airflow.asked) == 5


def test_run_that_was_read_before_a_change_of_it_is_not_answered_after_the_change(
    runs: RecentRuns, airflow: CountingAirflow
):
    airflow.answers = [Run("success"), Run("queued")]
    assert runs.run(job()).state == "success"
    assert runs.run(job(run_changes=1)).state == "queued"


def test_end_of_a_run_whose_stage_has_failed_is_not_waited_for_long(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    runs.run(job(error=FAILED))
    clock.now += ENDING_SECONDS
    runs.run(job(error=FAILED))
    wait_until(lambda: len(airflow.asked) == 2, 30, lambda: "it is not asked again")


def test_end_of_a_run_is_asked_for_every_second_however_long_it_takes(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    runs.run(job(error=FAILED))
    for number in range(2, 12):
        clock.now += LONGEST_ENDING_SECONDS
        runs.run(job(error=FAILED))
        wait_until(partial(airflow.was_asked, number), 30, lambda: f"asked {len(airflow.asked)} times")


def test_the_longer_nothing_changes_the_less_often_airflow_is_asked(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    runs.run(job())
    for number, seconds in enumerate((FRESH_SECONDS, 3.0, 4.5, 6.75, LONGEST_SECONDS, LONGEST_SECONDS), start=1):
        clock.now += seconds - 0.1
        runs.run(job())
        assert len(airflow.asked) == number
        clock.now += 0.1
        runs.run(job())
        wait_until(partial(airflow.was_asked, number + 1), 30, lambda: f"asked {len(airflow.asked)} times")


def test_each_job_has_its_own_run(runs: RecentRuns, airflow: CountingAirflow):
    airflow.answers = [RUNNING, Run("queued")]
    assert [runs.run(job(number)).state for number in (7, 8, 7, 8)] == ["running", "queued", "running", "queued"]


def test_absence_of_airflow_is_found_out_once_for_all_pollers(runs: RecentRuns, airflow: CountingAirflow, clock: Clock):
    airflow.answers = [ServiceUnavailable("Airflow", "http://test", "it is away"), RUNNING]
    for _ in range(5):
        with pytest.raises(ServiceUnavailable, match="it is away"):
            runs.run(job())
    assert len(airflow.asked) == 1
    clock.now += 2 * FRESH_SECONDS
    assert runs.run(job()) is RUNNING


def test_pollers_that_come_while_airflow_is_asked_wait_for_the_same_answer(runs: RecentRuns, airflow: CountingAirflow):
    airflow.may_answer.clear()
    given: list[Run] = []
    threads = [threading.Thread(target=lambda: given.append(runs.run(job()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(airflow.asked) == 1, 30, lambda: "nobody asks")
    airflow.may_answer.set()
    for thread in threads:
        thread.join()
    assert (len(airflow.asked), given) == (1, [RUNNING] * 8)


def test_jobs_that_wait_to_be_asked_for_are_asked_for_together(runs: RecentRuns, airflow: CountingAirflow):
    airflow.may_answer.clear()
    threads = [threading.Thread(target=runs.run, args=(job(number),)) for number in range(60)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(airflow.asked) == BATCHES_AT_ONCE, 30, lambda: "nobody asks")
    wait_until(lambda: len(runs.waiting) + sum(map(len, airflow.asked)) == 60, 30, lambda: "not all have come")
    airflow.may_answer.set()
    for thread in threads:
        thread.join()
    assert sorted(run_id for batch in airflow.asked for run_id in batch) == sorted(
        f"job-{number}" for number in range(60)
    )
    assert len(airflow.asked) <= BATCHES_AT_ONCE + 60 // RUNS_AT_ONCE
