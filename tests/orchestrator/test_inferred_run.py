"""The run that is inferred from the ledger, so that the state of a job in progress needs no request to Airflow."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingest.ledger.jobs import JobSnapshot, Received
from ingest.orchestrator.inferred_run import LEDGER_TRUST_SECONDS, infer_recent_run, infer_run
from ingest.states.job_record import JobRecord, StageError
from ingest.states.job_state import job_state, received
from ingest.states.stages import Kind, Stage

UPDATED = datetime(2026, 11, 26, tzinfo=UTC)
BEGUN = JobRecord(Kind.INGEST, stage=Stage.LOAD_METADATA, percent=41.2, is_held=True, finished=Stage.OPEN_TAR)
BETWEEN = replace(BEGUN, percent=100.0, is_held=False, finished=Stage.LOAD_METADATA)


def job(record: JobRecord, seconds: float = 0.0) -> JobSnapshot:
    """Return a job that is read a number of seconds after it made progress."""
    seen = UPDATED + timedelta(seconds=seconds)
    return JobSnapshot(Received(1, record.kind, "ada", "1.tar", 1), record, UPDATED, UPDATED, UPDATED, seen)


@pytest.mark.parametrize(
    ("record", "task", "percent"),
    [
        (BEGUN, "load metadata", 41.2),
        (BETWEEN, "load metadata", 100.0),
        (replace(BETWEEN, is_held=True, stage=Stage.VALIDATE_POLICY, percent=0.0), "Policy Validation", 0.0),
    ],
    ids=["in a stage", "between two stages", "in the next stage"],
)
def test_job_that_just_made_progress_is_where_the_ledger_says(record: JobRecord, task: str, percent: float):
    run = infer_recent_run(job(record, 1.0))
    state = job_state(record, run)
    assert (state.state, state.task, state.task_percent, state.complete) == ("OK", task, percent, False)


def test_stage_that_runs_again_is_shown_as_running():
    record = replace(BETWEEN, is_held=True, stage=Stage.OPEN_TAR, percent=7.0)
    state = job_state(record, infer_recent_run(job(record)))
    assert (state.task, state.task_percent) == ("open tar", 7.0)


def test_job_that_was_just_received_has_not_started():
    record = JobRecord(Kind.INGEST)
    assert job_state(record, infer_recent_run(job(record))) == received()


@pytest.mark.parametrize(
    "seconds", [LEDGER_TRUST_SECONDS, -0.1], ids=["no progress", "the database's clock was set back"]
)
def test_nothing_is_inferred_about_a_job_that_may_have_been_stopped(seconds: float):
    assert infer_recent_run(job(BEGUN, seconds)) is None


@pytest.mark.parametrize("final", [True, False])
def test_nothing_is_inferred_about_a_job_with_an_error(final: bool):
    record = replace(BEGUN, error=StageError(Stage.LOAD_METADATA, "why", final))
    assert infer_recent_run(job(record)) is None


@pytest.mark.parametrize("final", [True, False])
def test_job_with_an_error_continues_until_airflow_reports_the_end_of_its_run(final: bool):
    record = replace(BEGUN, is_held=False, error=StageError(Stage.LOAD_METADATA, "why", final))
    state = job_state(record, infer_run(record))
    assert (state.state, state.task, state.task_percent) == ("OK", "load metadata", 41.2)
    assert (state.exception, state.complete) == ("why", False)


def test_stage_that_is_tried_again_after_an_error_is_presumed_to_run():
    record = replace(BEGUN, error=StageError(Stage.LOAD_METADATA, "why", final=False))
    state = job_state(record, infer_run(record))
    assert (state.task, state.exception) == ("load metadata", "")
