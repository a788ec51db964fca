"""The mapping from ledger and task states to what clients see: each row of the table in docs/reference/api.md."""

from datetime import UTC, datetime

import pytest

from ingest.states.airflow import Run, TaskInstance
from ingest.states.job_record import JobRecord, JobState, JobStatus, Outcome, StageError
from ingest.states.job_state import (
    CLEARS_ALLOWED,
    GIVEN_UP_TEXT,
    LOST_TEXT,
    MISSING_TEXT,
    SKIPPED_TEXT,
    job_state,
    lost_by_airflow,
    received,
)
from ingest.states.stages import STAGES, Kind, Stage
from ingest.states.waiting import Cause, Waiting

INGEST = STAGES[Kind.INGEST]
AWAY = StageError(Stage.INGEST_FILES, "service_unavailable: archive at http://archive is not available", final=False)
WAITING = Waiting.begin(
    Cause("archive", "http://archive", "service_unavailable", "Connection refused"),
    datetime(2026, 11, 30, 13, 10, tzinfo=UTC),
)


def run(state: str | None, **tasks: str | tuple[str | None, int] | None) -> Run:
    """Return a run whose tasks have these states, and these numbers of started tries."""
    pairs = {name: given if isinstance(given, tuple) else (given, 1 if given else 0) for name, given in tasks.items()}
    return Run(state, tuple(TaskInstance(name, *pair) for name, pair in pairs.items()))


def error(stage: Stage, *, final: bool, text: str = "why") -> StageError:
    return StageError(stage, text, final)


def test_cataloged_job_is_complete_for_every_run():
    job = JobRecord(Kind.INGEST, outcome=Outcome.CATALOGED)
    expected = JobState(JobStatus.OK, "ingest metadata", 100.0, "", complete=True)
    for known in (None, Run(None), run("failed", ingest_metadata="failed"), run("running", open_tar="running")):
        assert job_state(job, known) == expected


def test_override_is_shown_as_given():
    override = JobState(JobStatus.FAILED, "ingest files", 12.0, "Failed by administrator", complete=True)
    assert job_state(JobRecord(Kind.INGEST, override=override), run("running", open_tar="running")) == override


def test_cataloged_wins_over_an_override():
    override = JobState(JobStatus.FAILED, "ingest files", 0.0, "late", complete=True)
    assert job_state(JobRecord(Kind.INGEST, outcome=Outcome.CATALOGED, override=override), None).state == "OK"


def test_canceled_job_is_at_its_end_while_a_stage_still_runs_and_shows_the_stage_that_was_next():
    job = JobRecord(Kind.INGEST, finished=Stage.OPEN_TAR, cancellation="canceled: by ada")
    expected = JobState(JobStatus.FAILED, "load metadata", 0.0, "canceled: by ada", complete=True)
    assert job_state(job, run("running", load_metadata="running")) == expected
    assert job_state(job, None) == expected


def test_cataloged_wins_over_a_cancellation():
    job = JobRecord(Kind.INGEST, outcome=Outcome.CATALOGED, cancellation="canceled: by ada")
    assert job_state(job, None).state == "OK"


@pytest.mark.parametrize(
    "known",
    [
        Run(None),
        run("queued"),
        run("running"),
        run("running", open_tar=None),
        run("running", open_tar=("scheduled", 1)),
        run("running", open_tar=("queued", 1)),
    ],
)
def test_nothing_started_is_uploading(known: Run):
    assert job_state(JobRecord(Kind.INGEST), known) == JobState(JobStatus.OK, "UPLOADING", 0.0, "", complete=False)


@pytest.mark.parametrize("stage", INGEST)
@pytest.mark.parametrize("task_state", ["running", "restarting"])
def test_running_stage_shows_its_label_and_progress(stage: Stage, task_state: str):
    job = JobRecord(Kind.INGEST, stage=stage, percent=41.26)
    assert job_state(job, run("running", **{stage: task_state})) == JobState(
        JobStatus.OK, stage.label, 41.26, "", complete=False
    )


def test_running_stage_never_shows_a_hundred_percent():
    job = JobRecord(Kind.INGEST, stage=Stage.INGEST_METADATA, percent=100.0)
    assert job_state(job, run("running", ingest_metadata="running")).task_percent == 99.9


def test_running_stage_without_progress_of_its_own_shows_none():
    job = JobRecord(Kind.INGEST, stage=Stage.OPEN_TAR, percent=100.0)
    assert job_state(job, run("running", open_tar="success", load_metadata="running")).percent_text == "0.0"


@pytest.mark.parametrize(
    "task",
    [
        ("up_for_retry", 1),
        ("up_for_reschedule", 1),
        ("deferred", 1),
        ("scheduled", 2),
        ("queued", 2),
        (None, 1),
    ],
)
def test_waiting_stage_shows_the_last_error(task: tuple[str | None, int]):
    job = JobRecord(
        Kind.INGEST, stage=Stage.INGEST_FILES, percent=60.0, error=error(Stage.INGEST_FILES, final=False, text="away")
    )
    known = run("running", validate_policy="success", ingest_files=task)
    assert job_state(job, known) == JobState(JobStatus.OK, "ingest files", 60.0, "away", complete=False)


@pytest.mark.parametrize(
    "known",
    [
        None,
        Run(None),
        run("queued"),
        run("running", ingest_files=("up_for_retry", 1)),
        run("running", ingest_files=("queued", 2)),
        run("failed", ingest_files=("failed", 5)),
        Run("failed", (), (Stage.INGEST_METADATA,)),
    ],
)
def test_job_that_waits_shows_what_it_waits_for_whatever_its_run_is(known: Run | None):
    job = JobRecord(Kind.INGEST, stage=Stage.INGEST_FILES, percent=60.0, error=AWAY, waiting=WAITING)
    assert job_state(job, known) == JobState(JobStatus.OK, "ingest files", 60.0, WAITING.sentence, complete=False)


def test_next_attempt_of_a_job_that_waited_shows_its_progress():
    job = JobRecord(Kind.INGEST, stage=Stage.INGEST_FILES, percent=61.0, error=AWAY, waiting=WAITING, is_held=True)
    known = run("running", ingest_files="running")
    assert job_state(job, known) == JobState(JobStatus.OK, "ingest files", 61.0, "", complete=False)


def test_stage_that_waits_and_was_marked_success_by_hand_fails_the_job():
    job = JobRecord(Kind.INGEST, finished=Stage.INGEST_FILES, error=AWAY, waiting=WAITING)
    assert job_state(job, run("success", ingest_metadata="success")).exception == SKIPPED_TEXT


def test_override_is_shown_instead_of_a_wait():
    override = JobState(JobStatus.FAILED, "ingest files", 0.0, "by hand", complete=True)
    job = JobRecord(Kind.INGEST, override=override, error=AWAY, waiting=WAITING)
    assert job_state(job, run("failed")) == override
    assert not job.is_waiting


def test_waiting_stage_does_not_show_the_error_of_another_stage():
    job = JobRecord(Kind.INGEST, error=error(Stage.OPEN_TAR, final=False))
    assert job_state(job, run("running", load_metadata="up_for_retry")).exception == ""


def test_cleared_job_waits_at_the_first_cleared_stage():
    job = JobRecord(Kind.INGEST, error=error(Stage.INGEST_FILES, final=True))
    known = run("queued", open_tar="success", ingest_files=(None, 9), ingest_metadata=None)
    assert job_state(job, known) == JobState(JobStatus.OK, "ingest files", 0.0, "why", complete=False)


@pytest.mark.parametrize(
    ("finished", "label"), [(Stage.OPEN_TAR, "open tar"), (Stage.VALIDATE_POLICY, "Policy Validation")]
)
def test_between_two_stages_the_finished_one_is_at_a_hundred(finished: Stage, label: str):
    tasks = dict.fromkeys(INGEST[: INGEST.index(finished) + 1], "success")
    assert job_state(JobRecord(Kind.INGEST), run("running", **tasks)) == JobState(
        JobStatus.OK, label, 100.0, "", complete=False
    )


def test_last_stage_that_succeeded_in_airflow_alone_is_not_shown_as_done():
    tasks = dict.fromkeys(INGEST, "success")
    state = job_state(JobRecord(Kind.INGEST), run("running", **tasks))
    assert (state.task, state.complete) == ("ingest files", False)


def test_final_error_of_a_failed_stage_is_the_end():
    job = JobRecord(Kind.INGEST, finished=Stage.OPEN_TAR, error=error(Stage.LOAD_METADATA, final=True))
    known = run("failed", open_tar="success", load_metadata="failed", validate_policy="upstream_failed")
    assert job_state(job, known) == JobState(JobStatus.FAILED, "load metadata", 0.0, "why", complete=True)


def test_final_error_is_not_the_end_before_airflow_has_ended_the_run():
    job = JobRecord(Kind.INGEST, finished=Stage.OPEN_TAR, error=error(Stage.LOAD_METADATA, final=True))
    known = run("running", open_tar="success", load_metadata="failed")
    assert job_state(job, known) == JobState(JobStatus.OK, "load metadata", 0.0, "why", complete=False)


def test_final_error_is_the_end_when_the_later_tasks_were_skipped():
    job = JobRecord(Kind.INGEST, error=error(Stage.OPEN_TAR, final=True))
    assert job_state(job, run("failed", open_tar="skipped", load_metadata="skipped")).state == "FAILED"


def test_run_lost_by_airflow_waits_to_be_cleared():
    job = JobRecord(Kind.INGEST, finished=Stage.VALIDATE_POLICY, error=error(Stage.INGEST_FILES, final=False))
    known = run("failed", ingest_files="failed", ingest_metadata="upstream_failed")
    assert job_state(job, known) == JobState(JobStatus.OK, "ingest files", 0.0, LOST_TEXT, complete=False)
    assert lost_by_airflow(job, known)


def test_failed_run_without_a_failed_task_waits_to_be_cleared():
    assert job_state(JobRecord(Kind.INGEST), run("failed", open_tar="skipped")).exception == LOST_TEXT


def test_run_that_was_cleared_too_often_has_failed():
    job = JobRecord(Kind.INGEST, finished=Stage.OPEN_TAR, clears=CLEARS_ALLOWED)
    known = run("failed", load_metadata="failed")
    assert job_state(job, known) == JobState(JobStatus.FAILED, "load metadata", 0.0, GIVEN_UP_TEXT, complete=True)
    assert not lost_by_airflow(job, known)


def test_unfinished_rejection_is_cleared_without_a_limit():
    job = JobRecord(Kind.INGEST, outcome=Outcome.REJECTING, finished=Stage.VALIDATE_POLICY, clears=CLEARS_ALLOWED)
    known = run("failed", ingest_files="failed")
    assert job_state(job, known) == JobState(JobStatus.OK, "ingest files", 0.0, LOST_TEXT, complete=False)
    assert lost_by_airflow(job, known)


def test_successful_run_without_the_catalog_has_failed():
    job = JobRecord(Kind.INGEST, finished=Stage.VALIDATE_POLICY)
    tasks = dict.fromkeys(INGEST, "success")
    assert job_state(job, run("success", **tasks)) == JobState(
        JobStatus.FAILED, "ingest files", 0.0, SKIPPED_TEXT, complete=True
    )


def test_unavailable_airflow_means_the_last_state():
    last = JobState(JobStatus.OK, "ingest files", 50.0, "", complete=False)
    assert job_state(JobRecord(Kind.INGEST, last=last), None) == last
    assert job_state(JobRecord(Kind.INGEST), None) == received()


def test_run_that_airflow_no_longer_knows_answers_the_last_state():
    last = JobState(JobStatus.OK, "load metadata", 100.0, "", complete=False)
    assert job_state(JobRecord(Kind.INGEST, last=last), Run(None)) == last


def test_failed_job_stays_failed_when_airflow_no_longer_knows_its_run():
    job = JobRecord(Kind.INGEST, error=error(Stage.OPEN_TAR, final=True))
    assert job_state(job, Run(None)) == JobState(JobStatus.FAILED, "open tar", 0.0, "why", complete=True)


def test_move_has_stages_of_its_own():
    assert job_state(JobRecord(Kind.MOVE), run("running", move_files="running")).task == "move files"


LAST = Stage.INGEST_METADATA


@pytest.mark.parametrize(
    "known",
    [
        Run("success", (), INGEST),
        Run("failed", (), INGEST),
        Run("queued", (), (LAST,)),
        Run("running", (TaskInstance(Stage.OPEN_TAR, "success", 1),), (LAST,)),
        # Neither of the two is the reason that counts: without its tasks, a Clear does not help the run.
        Run("failed", (TaskInstance(Stage.OPEN_TAR, "failed", 1),), (LAST,)),
    ],
)
def test_run_whose_tasks_were_deleted_waits_to_be_replaced(known: Run):
    job = JobRecord(Kind.INGEST, finished=Stage.OPEN_TAR)
    assert job_state(job, known) == JobState(JobStatus.OK, "load metadata", 0.0, MISSING_TEXT, complete=False)
    assert lost_by_airflow(job, known)


@pytest.mark.parametrize("state", ["running", "up_for_retry", "scheduled", "queued"])
def test_run_whose_last_task_was_deleted_continues_as_far_as_it_can(state: str):
    known = Run("running", (TaskInstance(Stage.INGEST_FILES, state, 1),), (LAST,))
    job = JobRecord(Kind.INGEST, finished=Stage.VALIDATE_POLICY)
    assert MISSING_TEXT not in job_state(job, known).exception
    assert not lost_by_airflow(job, known)


def test_rejected_job_stays_rejected_when_the_tasks_of_its_run_were_deleted():
    job = JobRecord(Kind.INGEST, outcome=Outcome.REJECTED, error=error(Stage.OPEN_TAR, final=True))
    known = Run("failed", (), INGEST)
    assert job_state(job, known) == JobState(JobStatus.FAILED, "open tar", 0.0, "why", complete=True)
    assert not lost_by_airflow(job, known)


def test_final_error_of_a_deleted_task_is_not_the_end_before_airflow_has_ended_the_run():
    job = JobRecord(Kind.INGEST, finished=Stage.OPEN_TAR, error=error(Stage.LOAD_METADATA, final=True))
    known = Run("running", (TaskInstance(Stage.OPEN_TAR, "success", 1),), (Stage.LOAD_METADATA,))
    assert job_state(job, known) == JobState(JobStatus.OK, "load metadata", 0.0, "why", complete=False)


@pytest.mark.parametrize("known", [run("running"), run("success"), run(None)])
def test_only_failed_runs_are_lost(known: Run):
    assert not lost_by_airflow(JobRecord(Kind.INGEST), known)


@pytest.mark.parametrize(
    "job",
    [
        JobRecord(Kind.INGEST, outcome=Outcome.CATALOGED),
        JobRecord(Kind.INGEST, error=error(Stage.OPEN_TAR, final=True)),
        JobRecord(Kind.INGEST, override=JobState(JobStatus.FAILED, "open tar", 0.0, "", complete=True)),
    ],
)
def test_ended_jobs_are_not_lost(job: JobRecord):
    assert not lost_by_airflow(job, run("failed", open_tar="failed"))
