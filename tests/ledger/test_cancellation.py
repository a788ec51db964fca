"""A cancellation is one transaction: the fence is lost, nothing is cataloged, and no retry continues the job."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func

from ingest.errors.types import FenceLost, JobBeingCataloged, JobCanceled, JobFinished, UnknownJob
from ingest.ledger import jobs
from ingest.ledger.cancellation import cancel
from ingest.ledger.database import transaction
from ingest.ledger.job_snapshots import JobSnapshot
from ingest.ledger.lease import NO_ATTEMPT, acquire_job
from ingest.ledger.models import File, FileState
from ingest.services import Services
from ingest.states.airflow import Run
from ingest.states.job_record import JobStatus, Outcome
from ingest.states.job_state import job_state
from ingest.states.stages import Stage
from tests.job_creation import create_job
from tests.ledger.job_rows import FAILED_BY_HAND, OK_BY_HAND, events, received, row, set_columns, stage_error

TEXT = r"canceled: by ada at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC; to archive the data, send it as a new job"


@pytest.fixture
def job_id(database_engine: Engine, services: Services) -> int:
    """Return a job that was just received, with an allocated id: the sequence passes over higher ids in the ledger."""
    job = services.uniqueid.allocate("upload_job", 1)[0]
    create_job(database_engine, received(job))
    return job


def cancel_by_ada(engine: Engine, job_id: int) -> JobSnapshot:
    return cancel(engine, job_id, "ada", "ada")


def add_file(engine: Engine, job_id: int, state: FileState) -> None:
    with transaction(engine) as session:
        session.add(File(job_id=job_id, path=f"data/{state}", state=state))


@pytest.mark.parametrize("known", [None, Run(None), Run("queued"), Run("running"), Run("failed"), Run("success")])
def test_canceled_job_is_failed_for_every_run(database_engine: Engine, job_id: int, known: Run | None):
    state = job_state(cancel_by_ada(database_engine, job_id).record, known)
    assert (state.state, state.task, state.task_percent, state.complete) == ("FAILED", "open tar", 0.0, True)
    assert re.fullmatch(TEXT, state.exception)


def test_event_names_the_account_and_the_state_does_not(database_engine: Engine, job_id: int):
    job = cancel(database_engine, job_id, "an admin", "adam")
    assert events(database_engine, job_id)[1:] == [("canceled", "by adam")]
    assert job.record.cancellation.startswith("canceled: by an admin at ")
    assert "adam" not in job_state(job.record, None).exception


def test_cancellation_of_a_rejected_job_keeps_what_the_uploader_must_fix(database_engine: Engine, job_id: int):
    faults = [{"code": "member_is_link", "text": "member 'a' is a link"}]
    error = {
        **stage_error(final=True),
        "code": "bundle_invalid",
        "text": "the uploader must fix this: a",
        "faults": faults,
    }
    set_columns(database_engine, job_id, outcome=Outcome.REJECTED, error=error)
    record = cancel_by_ada(database_engine, job_id).record
    assert re.fullmatch(
        TEXT + "; it had failed: bundle_invalid: the uploader must fix this: a", job_state(record, None).exception
    )
    assert row(database_engine, job_id).error["faults"] == faults  # type: ignore[index]


def test_second_cancellation_changes_nothing(database_engine: Engine, job_id: int):
    first = cancel_by_ada(database_engine, job_id)
    assert cancel(database_engine, job_id, "an admin", "adam") == first
    assert [kind for kind, _ in events(database_engine, job_id)] == ["received", "canceled"]


@pytest.mark.parametrize("state", [FileState.SENDING, FileState.DELETING, FileState.ARCHIVED])
def test_job_whose_files_may_be_stored_is_not_at_its_end(database_engine: Engine, job_id: int, state: FileState):
    add_file(database_engine, job_id, state)
    record = cancel_by_ada(database_engine, job_id).record
    assert (record.outcome, record.is_unfinished) == (Outcome.REJECTING, True)
    assert job_state(record, Run("running")).state == JobStatus.FAILED


@pytest.mark.parametrize("state", [FileState.PENDING, FileState.SKIPPED])
def test_job_whose_files_were_not_sent_is_at_its_end(database_engine: Engine, job_id: int, state: FileState):
    add_file(database_engine, job_id, state)
    record = cancel_by_ada(database_engine, job_id).record
    assert (record.is_rejected, record.is_unfinished) == (True, False)


def test_process_that_holds_the_job_loses_the_fence_and_learns_why(database_engine: Engine, job_id: int):
    with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1) as held:
        assert held is not None
        assert not held.is_canceled()
        cancel_by_ada(database_engine, job_id)
        assert held.is_canceled()
        with pytest.raises(FenceLost):
            held.finish_stage()


def test_process_that_removes_the_files_of_a_canceled_job_is_not_told_to_end(database_engine: Engine, job_id: int):
    add_file(database_engine, job_id, FileState.ARCHIVED)
    cancel_by_ada(database_engine, job_id)
    with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1) as held:
        assert held is not None
        assert held.job.record.is_canceled
        assert not held.is_canceled()


def test_stage_of_a_canceled_job_does_not_start(database_engine: Engine, job_id: int):
    cancel_by_ada(database_engine, job_id)
    before = row(database_engine, job_id).fence
    with (
        pytest.raises(JobCanceled, match=f"^job {job_id} cannot be continued; it was {TEXT}$"),
        acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1),
    ):
        pass
    assert row(database_engine, job_id).fence == before


def test_admin_acquires_a_canceled_job_to_remove_its_bundle(database_engine: Engine, job_id: int):
    cancel_by_ada(database_engine, job_id)
    with acquire_job(database_engine, job_id, Stage.OPEN_TAR, NO_ATTEMPT, by_admin=True) as held:
        assert held is not None


@pytest.mark.parametrize("stored", [False, True])
def test_canceled_job_can_neither_be_retried_nor_set_by_hand(database_engine: Engine, job_id: int, stored: bool):
    if stored:
        add_file(database_engine, job_id, FileState.ARCHIVED)
    canceled = cancel_by_ada(database_engine, job_id)
    with pytest.raises(JobCanceled):
        jobs.lift_override(database_engine, job_id)
    for state in (OK_BY_HAND, FAILED_BY_HAND):
        with pytest.raises(JobCanceled):
            jobs.override(database_engine, job_id, state)
    assert jobs.read(database_engine, job_id) == canceled


@pytest.mark.parametrize(
    "columns",
    [
        {"error": stage_error(final=True)},
        {"error": stage_error(final=False), "clears": 9},
        {"outcome": Outcome.REJECTED, "error": stage_error(final=True), "rejection": {"code": "x", "text": "y"}},
        {"outcome": Outcome.REJECTING, "rejection": {"code": "bundle_invalid", "text": "cut"}},
        {"outcome": Outcome.CATALOGING},
    ],
    ids=str,
)
def test_job_that_waits_has_failed_or_sent_no_transaction_can_be_canceled(
    database_engine: Engine, job_id: int, columns: dict[str, object]
):
    set_columns(database_engine, job_id, **columns)
    assert cancel_by_ada(database_engine, job_id).record.is_rejected


def test_job_that_was_rejected_after_the_catalog_refused_it_can_be_canceled(database_engine: Engine, job_id: int):
    set_columns(database_engine, job_id, outcome=Outcome.REJECTED, catalogue_settles=func.now())
    assert cancel_by_ada(database_engine, job_id).record.is_rejected


def test_of_simultaneous_cancellations_and_retries_one_cancels_and_no_retry_follows(
    database_engine: Engine, job_id: int
):
    def call(number: int) -> None:
        with suppress(JobCanceled):
            if number % 2:
                jobs.lift_override(database_engine, job_id)
            else:
                cancel_by_ada(database_engine, job_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(call, range(12)))
    assert jobs.read(database_engine, job_id).record.is_rejected
    kinds = [kind for kind, _ in events(database_engine, job_id)]
    assert kinds.count("canceled") == 1
    assert kinds[-1] == "canceled"


@pytest.mark.parametrize("state", [OK_BY_HAND, FAILED_BY_HAND])
def test_cancellation_replaces_a_state_that_was_set_by_hand(database_engine: Engine, job_id: int, state: object):
    jobs.override(database_engine, job_id, state)  # type: ignore[arg-type]
    record = cancel_by_ada(database_engine, job_id).record
    assert record.override is None
    assert job_state(record, None).exception.startswith("canceled: ")


def test_cataloged_job_cannot_be_canceled(database_engine: Engine, job_id: int):
    set_columns(database_engine, job_id, outcome=Outcome.CATALOGED)
    before = jobs.read(database_engine, job_id)
    with pytest.raises(JobFinished, match=f"^job {job_id} is complete; it cannot be canceled any more$"):
        cancel_by_ada(database_engine, job_id)
    assert jobs.read(database_engine, job_id) == before


@pytest.mark.parametrize("outcome", [Outcome.CATALOGING, Outcome.REJECTING])
@pytest.mark.parametrize("minutes", [-60, 60])
def test_job_that_the_catalog_may_hold_cannot_be_canceled(
    database_engine: Engine, job_id: int, outcome: Outcome, minutes: int
):
    settles = func.now() + timedelta(minutes=minutes)
    set_columns(database_engine, job_id, outcome=outcome, catalogue_settles=settles)
    before = jobs.read(database_engine, job_id)
    with pytest.raises(JobBeingCataloged, match="was sent to the catalog"):
        cancel_by_ada(database_engine, job_id)
    assert jobs.read(database_engine, job_id) == before


@pytest.mark.parametrize("job_id", [-1, 0, 2**63])
def test_unknown_job_cannot_be_canceled(database_engine: Engine, job_id: int):
    with pytest.raises(UnknownJob):
        cancel_by_ada(database_engine, job_id)
