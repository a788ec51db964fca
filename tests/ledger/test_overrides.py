"""Overrides by an admin, and the last state that was answered."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from ingest.errors.types import DatabaseUnavailable, FenceLost, JobFinished
from ingest.ledger import job_runs, jobs
from ingest.ledger.database import transaction
from ingest.ledger.lease import acquire_job
from ingest.states.job_record import JobState, JobStatus, Outcome
from ingest.states.stages import Stage
from ingest.states.waiting import Cause, Waiting
from tests.ledger.job_rows import FAILED_BY_HAND, OK_BY_HAND, events, row, set_columns, stage_error


@pytest.mark.parametrize(
    "state", [OK_BY_HAND, FAILED_BY_HAND, JobState(JobStatus.OK, "open tar", 0.1, "日本 'x' \"y\"\n", False)]
)
def test_last_state_is_kept_exactly(database_engine: Engine, job_id: int, state: JobState):
    jobs.keep_last_state(database_engine, jobs.read(database_engine, job_id), state)
    assert jobs.read(database_engine, job_id).record.last == state


def test_last_state_replaces_the_one_before_and_changes_nothing_else(database_engine: Engine, job_id: int):
    before = jobs.read(database_engine, job_id)
    jobs.keep_last_state(database_engine, before, FAILED_BY_HAND)
    jobs.keep_last_state(database_engine, jobs.read(database_engine, job_id), OK_BY_HAND)
    after = jobs.read(database_engine, job_id)
    assert after == replace(before, record=replace(before.record, last=OK_BY_HAND))
    assert row(database_engine, job_id).fence == 0


def test_state_of_a_job_that_made_progress_since_is_not_kept(database_engine: Engine, job_id: int):
    jobs.override(database_engine, job_id, FAILED_BY_HAND)
    seen = jobs.read(database_engine, job_id)
    jobs.lift_override(database_engine, job_id)
    jobs.keep_last_state(database_engine, seen, FAILED_BY_HAND)
    assert jobs.read(database_engine, job_id).record.last is None


def test_state_is_not_kept_while_a_stage_writes_and_the_poll_does_not_wait(database_engine: Engine, job_id: int):
    seen = jobs.read(database_engine, job_id)
    with transaction(database_engine) as session:
        jobs.get_job(session, job_id, for_update=True)
        jobs.keep_last_state(database_engine, seen, OK_BY_HAND)
    assert jobs.read(database_engine, job_id).record.last is None


def test_failed_is_not_replaced_by_a_process_that_has_not_seen_it(database_engine: Engine, job_id: int):
    before = jobs.read(database_engine, job_id)
    jobs.keep_last_state(database_engine, before, FAILED_BY_HAND)
    jobs.keep_last_state(database_engine, before, OK_BY_HAND)
    assert jobs.read(database_engine, job_id).record.last == FAILED_BY_HAND


def test_failed_waits_for_another_process_that_keeps_a_state(database_engine: Engine, job_id: int):
    seen = jobs.read(database_engine, job_id)
    with ThreadPoolExecutor(1) as pool, transaction(database_engine) as session:
        jobs.get_job(session, job_id, for_update=True).last_state = asdict(OK_BY_HAND)
        session.flush()
        kept = pool.submit(jobs.keep_last_state, database_engine, seen, FAILED_BY_HAND)
        with pytest.raises(TimeoutError):
            kept.result(0.5)
        session.commit()
        kept.result(30)
    assert jobs.read(database_engine, job_id).record.last == FAILED_BY_HAND


def test_failed_does_not_wait_for_a_suspended_process(database_engine: Engine, job_id: int):
    seen = jobs.read(database_engine, job_id)
    with transaction(database_engine) as session:
        jobs.get_job(session, job_id, for_update=True)
        with pytest.raises(DatabaseUnavailable, match="lock timeout"):
            jobs.keep_last_state(database_engine, seen, FAILED_BY_HAND)
    jobs.keep_last_state(database_engine, seen, FAILED_BY_HAND)
    assert jobs.read(database_engine, job_id).record.last == FAILED_BY_HAND


@pytest.mark.parametrize("state", [OK_BY_HAND, FAILED_BY_HAND])
def test_override_is_kept_exactly_and_returned(database_engine: Engine, job_id: int, state: JobState):
    given = jobs.override(database_engine, job_id, state)
    assert given.record.override == state
    assert jobs.read(database_engine, job_id) == given


def test_override_writes_an_event_and_updates_the_time_of_the_job(database_engine: Engine, job_id: int):
    before = jobs.read(database_engine, job_id)
    jobs.override(database_engine, job_id, FAILED_BY_HAND)
    assert events(database_engine, job_id)[1:] == [("override", "FAILED ingest files: Failed by administrator")]
    after = jobs.read(database_engine, job_id)
    assert after.updated > before.updated
    assert after.created == before.created


def test_every_override_to_failed_increments_the_fence(database_engine: Engine, job_id: int):
    for expected in (1, 2):
        jobs.override(database_engine, job_id, FAILED_BY_HAND)
        assert row(database_engine, job_id).fence == expected


def test_override_to_ok_leaves_the_running_stage_its_fence(database_engine: Engine, job_id: int):
    with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1) as held:
        assert held is not None
        jobs.override(database_engine, job_id, OK_BY_HAND)
        held.finish_stage()
    assert jobs.read(database_engine, job_id).record.finished is Stage.OPEN_TAR


def test_second_override_replaces_the_first(database_engine: Engine, job_id: int):
    jobs.override(database_engine, job_id, FAILED_BY_HAND)
    jobs.override(database_engine, job_id, OK_BY_HAND)
    assert jobs.read(database_engine, job_id).record.override == OK_BY_HAND
    assert [kind for kind, _ in events(database_engine, job_id)] == ["received", "override", "override"]


def test_lifting_an_override_resets_clears_and_last_state(database_engine: Engine, job_id: int):
    overridden = jobs.override(database_engine, job_id, FAILED_BY_HAND)
    jobs.keep_last_state(database_engine, overridden, FAILED_BY_HAND)
    job_runs.count_clear(database_engine, job_id)
    lifted = jobs.lift_override(database_engine, job_id)
    assert (lifted.record.override, lifted.record.last, lifted.record.clears) == (None, None, 0)
    assert jobs.read(database_engine, job_id) == lifted
    assert events(database_engine, job_id)[-1] == ("retry", "by an admin")


def test_retry_of_a_job_that_waited_begins_a_new_wait(database_engine: Engine, job_id: int):
    cause = Cause("archive", "http://archive", "service_unavailable", "refused")
    long_ago = datetime.now(UTC) - timedelta(days=30)
    set_columns(
        database_engine, job_id, error=stage_error(final=False), waiting=Waiting.begin(cause, long_ago).as_json()
    )
    jobs.override(database_engine, job_id, FAILED_BY_HAND)
    assert jobs.lift_override(database_engine, job_id).record.waiting is None


def test_lifting_without_an_override_is_no_error(database_engine: Engine, job_id: int):
    assert jobs.lift_override(database_engine, job_id).record.override is None


def test_process_from_before_an_override_stays_stopped_after_it_is_lifted(database_engine: Engine, job_id: int):
    with acquire_job(database_engine, job_id, Stage.OPEN_TAR, 1) as held:
        assert held is not None
        jobs.override(database_engine, job_id, FAILED_BY_HAND)
        jobs.lift_override(database_engine, job_id)
        with pytest.raises(FenceLost):
            held.finish_stage()


@pytest.mark.parametrize("call", ["override", "lift_override"])
def test_cataloged_job_cannot_be_overridden(database_engine: Engine, job_id: int, call: str):
    set_columns(database_engine, job_id, outcome=Outcome.CATALOGED)
    before = jobs.read(database_engine, job_id)
    calls = {
        "override": lambda: jobs.override(database_engine, job_id, FAILED_BY_HAND),
        "lift_override": lambda: jobs.lift_override(database_engine, job_id),
    }
    with pytest.raises(JobFinished, match=f"^job {job_id} is cataloged; its state cannot be changed any more$"):
        calls[call]()
    assert jobs.read(database_engine, job_id) == before
    assert len(events(database_engine, job_id)) == 1


@pytest.mark.parametrize("outcome", [Outcome.CATALOGING, Outcome.REJECTING, Outcome.REJECTED])
def test_unfinished_job_can_be_overridden_and_keeps_its_outcome(database_engine: Engine, job_id: int, outcome: Outcome):
    set_columns(database_engine, job_id, outcome=outcome)
    assert jobs.override(database_engine, job_id, FAILED_BY_HAND).record.outcome is outcome
    assert jobs.lift_override(database_engine, job_id).record.outcome is outcome
