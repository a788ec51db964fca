"""No poll waits for Airflow, and none is answered with a run that is out of date: what is kept, and when it is refreshed."""

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

import pytest

from api.polling import recent_runs
from api.polling.recent_runs import ENDING_SECONDS, POLLED_SECONDS, REFRESH_SECONDS, RecentRuns
from ingest.errors.types import ServiceUnavailable
from ingest.ledger.jobs import JobSnapshot, Received
from ingest.orchestrator.client import RUNS_PER_REQUEST, AirflowApi
from ingest.states.airflow import Run
from ingest.states.job_record import JobRecord, JobState, JobStatus, StageError
from ingest.states.stages import Kind, Stage
from tools.waiting import wait_until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUNNING, SUCCESS = Run("running"), Run("success")
FAILED = StageError(Stage.OPEN_TAR, "not_a_tar: the bundle is no tar", final=True)
AWAY = ServiceUnavailable("Airflow", "http://test", "it is away")


@dataclass
class CountingAirflow(AirflowApi):
    """Airflow that counts how often it is asked."""

    answers: list[Run | Exception] = field(default_factory=lambda: [RUNNING])
    asked: list[dict[str, str]] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def runs(self, dags: Mapping[str, str], seconds: float | None = None) -> dict[str, Run]:
        assert seconds == recent_runs.WAIT_SECONDS
        self.asked.append(dict(dags))
        assert self.may_answer.wait(30)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
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
def runs(airflow: CountingAirflow, clock: Clock) -> RecentRuns:
    return RecentRuns(airflow, clock)


def job(job_id: int = 7, run_changes: int = 0, **record: object) -> JobSnapshot:
    received = Received(job_id, Kind.INGEST, "anonymous", f"{job_id}.tar", 1)
    known = replace(JobRecord(Kind.INGEST), **record)  # type: ignore[arg-type]
    return JobSnapshot(received, known, NOW, NOW, NOW, NOW, run_changes)


def wait_for(holds: Callable[[], bool]) -> None:
    wait_until(holds, 30, lambda: "it never happens")


def wait_for_run(runs: RecentRuns, snapshot: JobSnapshot, state: str) -> None:
    wait_for(lambda: (run := runs.run(snapshot)) is not None and run.state == state)


def is_unavailable(runs: RecentRuns, snapshot: JobSnapshot) -> bool:
    try:
        runs.run(snapshot)
    except ServiceUnavailable as error:
        return str(error) == str(AWAY)
    return False


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
    wait_for(partial(airflow.was_asked, 2))
    airflow.answers = [SUCCESS]
    airflow.may_answer.set()
    wait_for_run(runs, job(), "success")


def test_airflow_that_hangs_is_not_asked_again_before_it_has_answered(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    airflow.may_answer.clear()
    for number in range(50):
        runs.run(job(number))
        clock.now += REFRESH_SECONDS / 50
    wait_for(partial(airflow.was_asked, 1))
    for number in range(50):
        assert runs.run(job(number)) is None
    assert airflow.was_asked(1)
    airflow.may_answer.set()


def test_run_is_asked_for_once_while_the_answer_is_fresh(runs: RecentRuns, airflow: CountingAirflow):
    wait_for_run(runs, job(), "running")
    for _ in range(50):
        assert runs.run(job()) is RUNNING
    assert airflow.was_asked(1)


def test_run_of_a_job_that_is_polled_is_refreshed_between_the_polls(airflow: CountingAirflow):
    runs = RecentRuns(airflow)
    runs.run(job())
    wait_for(lambda: len(airflow.asked) >= 3)


def test_job_that_is_polled_no_more_is_forgotten_and_the_refresher_ends(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    wait_for_run(runs, job(), "running")
    clock.now += POLLED_SECONDS + REFRESH_SECONDS
    wait_for(lambda: "recent runs" not in names_of_threads(runs))
    assert airflow.was_asked(1)
    airflow.answers = [SUCCESS]
    assert runs.run(job()) is None
    wait_for_run(runs, job(), "success")


def names_of_threads(runs: RecentRuns) -> list[str]:
    """The name of the refresher of these runs, if it lives."""
    return [runs._refresher.name] if runs._refresher and runs._refresher.is_alive() else []


def test_job_whose_state_airflow_does_not_change_any_more_is_not_refreshed(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock
):
    wait_for_run(runs, job(), "running")
    runs.forget(job())
    clock.now += REFRESH_SECONDS
    wait_for(lambda: names_of_threads(runs) == [])
    assert airflow.was_asked(1)


def test_jobs_beyond_the_limit_are_forgotten_from_the_one_that_was_polled_longest_ago(
    runs: RecentRuns, airflow: CountingAirflow, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recent_runs, "JOBS", 2)
    for number in (1, 2):
        wait_for_run(runs, job(number), "running")
    airflow.may_answer.clear()
    runs.run(job(1))
    runs.run(job(3))
    assert runs.run(job(1)) is RUNNING
    assert runs.run(job(2)) is None
    airflow.may_answer.set()


def test_failure_is_the_answer_until_airflow_answers_again(runs: RecentRuns, airflow: CountingAirflow, clock: Clock):
    wait_for_run(runs, job(), "running")
    airflow.answers = [AWAY, SUCCESS]
    clock.now += REFRESH_SECONDS
    wait_for(lambda: is_unavailable(runs, job()))
    clock.now += REFRESH_SECONDS
    wait_for(lambda: not is_unavailable(runs, job()))
    wait_for_run(runs, job(), "success")


def test_error_that_nobody_expects_ends_no_refresher(runs: RecentRuns, airflow: CountingAirflow, clock: Clock):
    airflow.answers = [RuntimeError("it is away"), SUCCESS]
    wait_for(lambda: is_unavailable(runs, job()))
    clock.now += REFRESH_SECONDS
    wait_for(lambda: not is_unavailable(runs, job()))
    wait_for_run(runs, job(), "success")


def test_failure_is_found_out_once_for_all_jobs(runs: RecentRuns, airflow: CountingAirflow):
    airflow.may_answer.clear()
    airflow.answers = [AWAY]
    with ThreadPoolExecutor(100) as pool:
        assert list(pool.map(lambda number: runs.run(job(number)), range(100))) == [None] * 100
    airflow.may_answer.set()
    for number in range(100):
        wait_for(partial(is_unavailable, runs, job(number)))
    # The batch that was under way when the others came, and one for them.
    assert len(airflow.asked) <= 2


def test_jobs_are_asked_for_together(runs: RecentRuns, airflow: CountingAirflow):
    airflow.may_answer.clear()
    for number in range(60):
        runs.run(job(number))
    airflow.may_answer.set()
    for number in range(60):
        wait_for_run(runs, job(number), "running")
    asked = [run_id for batch in airflow.asked for run_id in batch]
    assert sorted(asked) == sorted(f"job-{number}" for number in range(60))
    assert len(airflow.asked) <= 1 + -(-60 // RUNS_PER_REQUEST)


def test_each_job_has_its_own_run(runs: RecentRuns, airflow: CountingAirflow):
    airflow.answers = [RUNNING, Run("queued")]
    wait_for_run(runs, job(7), "running")
    wait_for_run(runs, job(8), "queued")
    wait_for_run(runs, job(7), "running")


def test_progress_is_no_reason_to_ask(runs: RecentRuns, airflow: CountingAirflow):
    wait_for_run(runs, job(), "running")
    for percent in range(10):
        last = JobState(JobStatus.OK, "open tar", percent, "", complete=False)
        assert runs.run(job(percent=float(percent), last=last)) is RUNNING
    assert airflow.was_asked(1)


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
    wait_for(partial(airflow.was_asked, 1))
    # Airflow has read the run and not answered yet; meanwhile a retry clears it and counts that.
    assert runs.run(job(run_changes=1)) is None
    airflow.may_answer.set()
    wait_for(lambda: runs.run(job(run_changes=1)) is not None)
    assert runs.run(job(run_changes=1)) == Run("queued")


@pytest.mark.parametrize(("run", "seconds"), [(RUNNING, ENDING_SECONDS), (Run("failed"), REFRESH_SECONDS)])
def test_end_of_a_run_whose_stage_has_failed_is_looked_for_more_often(
    runs: RecentRuns, airflow: CountingAirflow, clock: Clock, run: Run, seconds: float
):
    airflow.answers = [run]
    wait_for(lambda: runs.run(job(error=FAILED)) is run)
    clock.now += seconds - 0.1
    assert runs.run(job(error=FAILED)) is run
    assert airflow.was_asked(1)
    clock.now += 0.1
    runs.run(job(error=FAILED))
    wait_for(partial(airflow.was_asked, 2))


def test_end_of_a_run_is_reported_once_also_when_nobody_polls_any_more(airflow: CountingAirflow, clock: Clock):
    ended: list[tuple[int, str | None]] = []
    runs = RecentRuns(airflow, clock, lambda snapshot, run: ended.append((snapshot.received.job_id, run.state)))
    wait_for_run(runs, job(), "running")
    airflow.answers = [SUCCESS]
    clock.now += REFRESH_SECONDS
    runs.run(job())
    wait_for(lambda: ended == [(7, "success")])
    clock.now += REFRESH_SECONDS
    runs.run(job())
    wait_for(lambda: len(airflow.asked) == 3)
    wait_for_run(runs, job(), "success")
    assert ended == [(7, "success")]


def test_forked_process_refreshes_for_itself(airflow: CountingAirflow):
    runs = RecentRuns(airflow)
    wait_for_run(runs, job(), "running")
    # As if another thread used it in the moment of the fork.
    with runs._changed:
        child = os.fork()
        if child == 0:
            try:
                wait_for_run(runs, job(), "running")
            finally:
                os._exit(0 if len(airflow.asked) >= 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
