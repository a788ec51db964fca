"""Jobs that wait for a service: which of them housekeeping resumes, when, how many simultaneously, and in which order."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.errors.types import ServiceUnavailable
from ingest.ledger import job_runs, jobs, waiting_jobs
from ingest.ledger.jobs import Received
from ingest.ledger.lease import acquire_job
from ingest.operations import housekeeping, resume_jobs
from ingest.operations.resumption_queue import MAX_FAILURES
from ingest.settings.loading import DagSettings, Settings
from ingest.states.airflow import Run, TaskInstance
from ingest.states.job_state import CLEARS_ALLOWED, job_state
from ingest.states.stages import Kind, Stage
from ingest.states.waiting import Cause, Resumption, Waiting
from tests.job_creation import create_job
from tests.operations.housekeeping.conftest import QUEUED, Airflow, MakeJob, fail_stage, finish_stage, next_id

ARCHIVE = Cause("archive", "file:///archive", "service_unavailable", "not a folder")
# A part that no check can find out about.
SPOOL = Cause("spool", "", "spool_unavailable", "the spool is not writable")
HOUR = 3600.0
PARKED_RUN = Run("failed", (TaskInstance("open_tar", "failed", 5),))
RETRIED_RUN = Run("running", (TaskInstance("open_tar", "up_for_retry", 1),))
# How many jobs try one service simultaneously, at first and at most.
LIMIT = DagSettings().archive_slots - 1
MOST = 2 * DagSettings().archive_slots
Attempt = Callable[[int], None]


def wait_for(engine: Engine, job: int, cause: Cause, seconds: float, *, until: float = HOUR) -> None:
    """Let a job wait for a cause; its next attempt is due in `seconds`, and a failure after `until` seconds is final."""
    with acquire_job(engine, job, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        before = lease.job.record.waiting
        now = datetime.now(UTC)
        waiting = before.after_failure(cause, now) if before else Waiting.begin(cause, now)
        following = waiting.until(now + timedelta(seconds=seconds), now + timedelta(seconds=until))
        lease.fail_stage(cause.code, cause.reason, final=False, waiting=following)


def waiting_of(engine: Engine, job: int) -> Waiting:
    waiting = jobs.read(engine, job).record.waiting
    assert waiting is not None
    return waiting


def replace_archive(folder: Path) -> None:
    shutil.rmtree(folder / "archive")
    (folder / "archive").write_text("not a folder")


@pytest.fixture
def archive_is_unavailable(settings: Settings, tmp_path: Path) -> None:
    assert settings.archiveinterface_url == (tmp_path / "archive").as_uri()
    replace_archive(tmp_path)


def test_job_that_waits_is_left_alone_until_its_next_attempt(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    airflow.runs[f"job-{job}"] = PARKED_RUN
    wait_for(database_engine, job, SPOOL, HOUR)
    housekeeping.run_housekeeping()
    assert airflow.cleared == {}
    wait_for(database_engine, job, SPOOL, 0.0)
    assert housekeeping.run_housekeeping() == {"triggered": 0, "cleared": 0, "resumed": 1, "pools_restored": 0}
    assert list(airflow.cleared) == [f"job-{job}"]


def test_attempts_of_a_job_that_waits_are_never_used_up(make_job: MakeJob, airflow: Airflow, database_engine: Engine):
    job = make_job()
    for _ in range(CLEARS_ALLOWED + 3):
        airflow.runs[f"job-{job}"] = PARKED_RUN
        wait_for(database_engine, job, SPOOL, 0.0)
        assert housekeeping.run_housekeeping()["resumed"] == 1
    record = jobs.read(database_engine, job).record
    assert record.clears == 0
    assert waiting_of(database_engine, job).attempt == CLEARS_ALLOWED + 3


def test_due_attempt_that_airflow_starts_itself_is_left_to_it(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    airflow.runs[f"job-{job}"] = RETRIED_RUN
    wait_for(database_engine, job, SPOOL, 0.0)
    housekeeping.run_housekeeping()
    assert airflow.cleared == {}


@pytest.mark.parametrize("run", [PARKED_RUN, RETRIED_RUN])
def test_job_whose_service_answers_again_is_resumed_before_its_next_attempt(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, run: Run
):
    job = make_job()
    airflow.runs[f"job-{job}"] = run
    wait_for(database_engine, job, ARCHIVE, HOUR)
    assert housekeeping.run_housekeeping()["resumed"] == 1
    assert list(airflow.cleared) == [f"job-{job}"]
    # Airflow has not started the attempt yet; the job is not resumed twice.
    assert "resumed" not in housekeeping.run_housekeeping()


def test_attempt_that_was_started_and_lost_by_airflow_is_started_again(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    wait_for(database_engine, job, ARCHIVE, HOUR)
    for _ in range(2):
        airflow.runs[f"job-{job}"] = PARKED_RUN
        assert housekeeping.run_housekeeping()["resumed"] == 1
        assert waiting_of(database_engine, job).resumption is Resumption.STARTED


@pytest.mark.usefixtures("archive_is_unavailable")
def test_job_whose_service_does_not_answer_keeps_waiting(make_job: MakeJob, airflow: Airflow, database_engine: Engine):
    job = make_job()
    airflow.runs[f"job-{job}"] = PARKED_RUN
    wait_for(database_engine, job, ARCHIVE, HOUR)
    housekeeping.run_housekeeping()
    assert airflow.cleared == {}


@pytest.mark.usefixtures("archive_is_unavailable")
def test_only_the_oldest_jobs_and_those_whose_time_is_over_try_a_service_that_does_not_answer(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    waiting = [make_job() for _ in range(resume_jobs.OLDEST_JOBS + 2)]
    over = make_job()
    for job in (*waiting, over):
        airflow.runs[f"job-{job}"] = PARKED_RUN
        wait_for(database_engine, job, ARCHIVE, 0.0, until=0.0 if job == over else HOUR)
    play(airflow, monkeypatch, lambda job: wait_for(database_engine, job, ARCHIVE, HOUR))
    assert housekeeping.run_housekeeping()["resumed"] == resume_jobs.OLDEST_JOBS + 1
    assert set(airflow.cleared) == set(names([*waiting[: resume_jobs.OLDEST_JOBS], over]))
    postponed = jobs.read(database_engine, waiting[-1])
    assert waiting_of(database_engine, waiting[-1]).attempt == 1
    assert not postponed.is_due


@pytest.mark.usefixtures("archive_is_unavailable")
def test_jobs_whose_time_is_over_do_not_show_that_the_service_answers(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    waiting = let_wait(make_job, airflow, database_engine, 4 * LIMIT)
    for job in waiting:
        wait_for(database_engine, job, ARCHIVE, 0.0, until=0.0)

    def attempt(job: int) -> None:
        assert waiting_of(database_engine, job).resumption is Resumption.STARTED
        assert Resumption.IN_LINE not in {jobs.read(database_engine, each).record.resumption for each in waiting}
        fail_stage(database_engine, job, final=True)

    simultaneous = play(airflow, monkeypatch, attempt)
    housekeeping.run_housekeeping()
    assert all(jobs.read(database_engine, job).record.is_stopped for job in waiting)
    assert max(simultaneous) == LIMIT


def names(made: list[int]) -> list[str]:
    return [f"job-{job}" for job in made]


def let_wait(make_job: MakeJob, airflow: Airflow, engine: Engine, count: int) -> list[int]:
    """Make jobs that wait for the archive, which answers; return them in the order of their receipt."""
    waiting = [make_job() for _ in range(count)]
    for job in reversed(waiting):
        airflow.runs[f"job-{job}"] = PARKED_RUN
        wait_for(engine, job, ARCHIVE, HOUR)
    return waiting


def play(airflow: Airflow, monkeypatch: pytest.MonkeyPatch, attempt: Attempt) -> list[int]:
    """Let Airflow make the attempts of resumed jobs whenever housekeeping waits; return the list of how many were queued."""
    simultaneous: list[int] = []

    def make_attempts(_seconds: float) -> None:
        queued = [run_id for run_id, run in airflow.runs.items() if run == QUEUED]
        simultaneous.append(len(queued))
        for run_id in queued:
            attempt(int(run_id.removeprefix("job-")))
            airflow.runs[run_id] = PARKED_RUN

    # Longer than a test takes, and short enough that one that fails ends.
    monkeypatch.setattr(resume_jobs, "MAX_SECONDS", 60.0)
    monkeypatch.setattr(resume_jobs.time, "sleep", make_attempts)
    return simultaneous


def test_all_jobs_are_resumed_in_the_order_of_their_receipt_and_more_simultaneously_the_more_succeed(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, monkeypatch: pytest.MonkeyPatch, settings: Settings
):
    # They have finished their stage, not all stages.
    unlimited = settings.model_copy(update={"user_running_jobs": 5 * MOST})
    monkeypatch.setattr(housekeeping, "load_settings", lambda: unlimited)
    waiting = let_wait(make_job, airflow, database_engine, 5 * MOST)
    simultaneous = play(airflow, monkeypatch, lambda job: finish_stage(database_engine, job))
    assert housekeeping.run_housekeeping()["resumed"] == len(waiting)
    assert list(airflow.cleared) == names(waiting)
    assert simultaneous[:3] == [LIMIT, 2 * LIMIT, MOST]
    assert max(simultaneous) == MOST


def test_attempts_that_are_in_progress_delay_the_other_jobs(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    waiting = let_wait(make_job, airflow, database_engine, LIMIT + 1)
    for _ in range(2):
        housekeeping.run_housekeeping()
        assert list(airflow.cleared) == names(waiting[:LIMIT])
    finish_stage(database_engine, waiting[0])
    housekeeping.run_housekeeping()
    assert list(airflow.cleared) == names(waiting)


def test_attempts_that_airflow_never_begins_do_not_delay_the_other_jobs_for_long(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    waiting = let_wait(make_job, airflow, database_engine, LIMIT + 1)
    housekeeping.run_housekeeping()
    for job in waiting[:LIMIT]:
        # An operator ended the run before the attempt began.
        airflow.runs[f"job-{job}"] = Run("success")
    monkeypatch.setattr(waiting_jobs, "START_TIMEOUT", timedelta(0))
    housekeeping.run_housekeeping()
    assert list(airflow.cleared) == names(waiting)


def test_other_jobs_are_not_resumed_when_the_first_fail_again(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    waiting = let_wait(make_job, airflow, database_engine, MAX_FAILURES + 2 * LIMIT)
    play(airflow, monkeypatch, lambda job: wait_for(database_engine, job, ARCHIVE, HOUR))
    resumed = housekeeping.run_housekeeping()["resumed"]
    assert MAX_FAILURES <= resumed < MAX_FAILURES + LIMIT
    others = [job for job in waiting if f"job-{job}" not in airflow.cleared]
    assert len(others) == len(waiting) - resumed
    assert all(waiting_of(database_engine, job).resumption is Resumption.NONE for job in others)


def test_many_old_jobs_that_always_fail_do_not_hold_up_the_others(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    waiting = let_wait(make_job, airflow, database_engine, MAX_FAILURES + 6)
    failing, healthy = set(waiting[:MAX_FAILURES]), waiting[MAX_FAILURES:]

    def attempt(job: int) -> None:
        if job in failing:
            wait_for(database_engine, job, ARCHIVE, HOUR)
        else:
            finish_stage(database_engine, job)

    play(airflow, monkeypatch, attempt)
    assert housekeeping.run_housekeeping()["resumed"] == len(waiting)
    assert not any(jobs.read(database_engine, job).record.waiting for job in healthy)


def test_the_turn_of_a_user_is_checked_once_for_all_free_places(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    waiting = let_wait(make_job, airflow, database_engine, LIMIT)
    checked: list[int] = []

    def not_yet(_settings: Settings, _engine: Engine, received: Received) -> bool:
        checked.append(received.job_id)
        return False

    monkeypatch.setattr(resume_jobs, "may_start", not_yet)
    housekeeping.run_housekeeping()
    assert checked == [waiting[0]]


class Stopped(Exception):
    """Housekeeping was stopped while it waited."""


def test_other_jobs_show_that_the_service_answers_again_until_it_does_not(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    waiting = let_wait(make_job, airflow, database_engine, 4 * LIMIT)

    def attempt(job: int) -> None:
        if job not in waiting[:LIMIT]:
            raise Stopped
        finish_stage(database_engine, job)

    play(airflow, monkeypatch, attempt)
    with pytest.raises(Stopped):
        housekeeping.run_housekeeping()
    text = job_state(jobs.read(database_engine, waiting[-1]).record, PARKED_RUN).exception
    assert text == "service_unavailable: archive at file:///archive answers again; the job continues after older ones"
    replace_archive(tmp_path)
    monkeypatch.setattr(resume_jobs.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(resume_jobs, "MAX_SECONDS", 0.0)
    housekeeping.run_housekeeping()
    assert "archive unavailable at file:///archive" in waiting_of(database_engine, waiting[-1]).sentence


def test_jobs_that_cannot_be_resumed_do_not_hold_up_the_others(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    by_hand = [make_job() for _ in range(LIMIT)]
    other = make_job()
    for job in (*by_hand, other):
        airflow.runs[f"job-{job}"] = Run("success") if job in by_hand else PARKED_RUN
        wait_for(database_engine, job, ARCHIVE, HOUR)
    play(airflow, monkeypatch, lambda job: finish_stage(database_engine, job))
    housekeeping.run_housekeeping()
    assert list(airflow.cleared) == [f"job-{other}"]


def test_user_has_no_more_resumed_jobs_than_running_ones_and_other_users_go_on(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, monkeypatch: pytest.MonkeyPatch, settings: Settings
):
    limited = settings.model_copy(update={"user_running_jobs": 1, "authentication": "open"})
    monkeypatch.setattr(housekeeping, "load_settings", lambda: limited)
    of_ada = let_wait(make_job, airflow, database_engine, 2)
    of_eve = next(next_id)
    create_job(database_engine, Received(of_eve, Kind.INGEST, "eve", f"{of_eve}.tar", 10))
    job_runs.mark_triggered(database_engine, of_eve)
    airflow.runs[f"job-{of_eve}"] = PARKED_RUN
    wait_for(database_engine, of_eve, ARCHIVE, HOUR)
    housekeeping.run_housekeeping()
    assert list(airflow.cleared) == names([of_ada[0], of_eve])
    # A job that was received later waits, too, until the resumed one has ended.
    later = make_later(database_engine)
    housekeeping.run_housekeeping()
    assert f"job-{later}" not in airflow.triggered


def make_later(engine: Engine) -> int:
    job = next(next_id)
    create_job(engine, Received(job, Kind.INGEST, "ada", f"{job}.tar", 10))
    return job


@pytest.mark.usefixtures("archive_is_unavailable")
def test_job_that_waits_and_whose_run_an_operator_marked_as_failed_ends_although_its_service_does_not_answer(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job, other = make_job(), make_job()
    airflow.runs[f"job-{other}"] = PARKED_RUN
    wait_for(database_engine, other, ARCHIVE, HOUR)
    airflow.runs[f"job-{job}"] = PARKED_RUN
    airflow.marked[f"job-{job}"] = "ada"
    wait_for(database_engine, job, ARCHIVE, HOUR)
    assert housekeeping.run_housekeeping()["stopped"] == 1
    record = jobs.read(database_engine, job).record
    assert (record.is_stopped, record.waiting) == (True, None)
    assert jobs.read(database_engine, other).record.is_waiting
    assert airflow.cleared == {}


def test_mark_that_cannot_be_read_does_not_hold_up_the_jobs(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    def fail(_api: object) -> frozenset[str]:
        raise ServiceUnavailable("Airflow", "http://airflow", "503")

    monkeypatch.setattr(resume_jobs, "runs_marked_lately", fail)
    job = make_job()
    airflow.runs[f"job-{job}"] = PARKED_RUN
    wait_for(database_engine, job, ARCHIVE, HOUR)
    assert housekeeping.run_housekeeping()["resumed"] == 1


def test_job_that_waits_and_whose_run_was_deleted_gets_a_new_one(
    make_job: MakeJob, airflow: Airflow, database_engine: Engine
):
    job = make_job()
    wait_for(database_engine, job, SPOOL, 0.0)
    assert housekeeping.run_housekeeping()["triggered"] == 1
    assert airflow.triggered == [f"job-{job}"]
