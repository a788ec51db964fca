"""Job rows, events and overrides, on a real PostgreSQL."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count

import pytest
from sqlalchemy import Engine, select, update

from ingest.errors.types import DatabaseUnavailable, FenceLost, JobExists, JobFinished, UnknownJob
from ingest.ledger import job_runs, jobs
from ingest.ledger.database import make_engine, transaction
from ingest.ledger.job_snapshots import Received
from ingest.ledger.jobs import LARGEST_ID
from ingest.ledger.lease import acquire_job
from ingest.ledger.models import Event, Job
from ingest.settings.loading import Settings
from ingest.states import FAILED, JobState, Kind, Outcome, Stage, StageError
from tests.received import create_job

next_id = count(7_100_000)
FAILED_BY_HAND = JobState(FAILED, "ingest files", 12.5, "Failed by administrator", complete=True)
OK_BY_HAND = JobState("OK", "open tar", 50.0, "checked by ada", complete=False)
OUT_OF_RANGE = [-1, -(2**63), LARGEST_ID + 1, 2**64, 10**30]


def received(job_id: int, kind: Kind = Kind.INGEST) -> Received:
    return Received(job_id, kind, "ada", f"{job_id}.tar", 10)


@pytest.fixture
def job_id(database_engine: Engine) -> int:
    job = next(next_id)
    create_job(database_engine, received(job))
    return job


@pytest.fixture
def gone(database_engine: Engine) -> Iterator[list[int]]:
    """Jobs that are deleted at the end, because other tests need their ids."""
    ids: list[int] = []
    yield ids
    with transaction(database_engine) as session:
        for job in ids:
            session.delete(jobs.get_job(session, job))


def set_columns(engine: Engine, job_id: int, **values: object) -> None:
    with transaction(engine) as session:
        session.execute(update(Job).where(Job.id == job_id).values(**values))


def row(engine: Engine, job_id: int) -> Job:
    with transaction(engine) as session:
        return jobs.get_job(session, job_id)


def events(engine: Engine, job_id: int) -> list[tuple[str, str]]:
    with transaction(engine) as session:
        found = session.scalars(select(Event).where(Event.job_id == job_id).order_by(Event.id))
        return [(event.kind, event.text) for event in found]


def stage_error(*, final: bool) -> dict[str, object]:
    return {"stage": "open_tar", "code": "bundle_invalid", "text": "cut", "final": final, "attempt": 1}


# Received


@pytest.mark.parametrize("kind", Kind)
def test_job_is_read_as_it_was_created(database_engine: Engine, kind: Kind):
    new = Received(next(next_id), kind, "日本 user", "name with spaces.tar", 2**40)
    create_job(database_engine, new)
    job = jobs.read(database_engine, new.job_id)
    assert job.received == new
    assert job.run_id == f"job-{new.job_id}"
    assert job.record.kind is kind
    assert (job.record.outcome, job.record.override, job.record.stage, job.record.finished) == (None, None, None, None)
    assert (job.record.error, job.record.clears, job.record.percent, job.record.last) == (None, 0, 0.0, None)
    assert job.triggered is None
    assert job.created == job.updated
    assert str(job.created.tzinfo) == "UTC"


def test_created_job_has_the_event_received(database_engine: Engine, job_id: int):
    assert events(database_engine, job_id) == [("received", "10 bytes by ada")]


def test_id_in_use_is_refused_and_the_job_stays_as_it_was(database_engine: Engine, job_id: int):
    before = jobs.read(database_engine, job_id)
    with pytest.raises(JobExists, match=f"^job {job_id} exists already$"):
        create_job(database_engine, replace(received(job_id), user="eve", spool_name=f"{job_id}-other.tar"))
    assert jobs.read(database_engine, job_id) == before
    assert len(events(database_engine, job_id)) == 1


def test_one_of_many_simultaneous_creations_of_a_job_succeeds(database_engine: Engine):
    job = next(next_id)

    def create(user: str) -> str | None:
        try:
            create_job(database_engine, replace(received(job), user=user, spool_name=f"{job}-{user}.tar"))
        except JobExists:
            return None
        return user

    with ThreadPoolExecutor(8) as pool:
        winners = [user for user in pool.map(create, "abcdefgh") if user]
    assert winners == [jobs.read(database_engine, job).received.user]
    assert len(events(database_engine, job)) == 1


@pytest.mark.parametrize("job", [0, LARGEST_ID])
def test_smallest_and_largest_ids_are_valid(database_engine: Engine, gone: list[int], job: int):
    create_job(database_engine, received(job))
    gone.append(job)
    jobs.override(database_engine, job, FAILED_BY_HAND)
    jobs.lift_override(database_engine, job)
    assert jobs.read(database_engine, job).received.job_id == job


@pytest.mark.parametrize("job", [7_099_999, *OUT_OF_RANGE])
@pytest.mark.parametrize("call", ["read", "override", "lift_override"])
def test_unknown_job_is_reported_by_its_id(database_engine: Engine, job: int, call: str):
    calls = {
        "read": lambda: jobs.read(database_engine, job),
        "override": lambda: jobs.override(database_engine, job, FAILED_BY_HAND),
        "lift_override": lambda: jobs.lift_override(database_engine, job),
    }
    with pytest.raises(UnknownJob, match=rf"^job ID {job} does not exist\.$"):
        calls[call]()


def test_unavailable_database_is_reported_without_its_password():
    engine = make_engine(Settings(database_url="postgresql://ingest:geheim@127.0.0.1:1/ingest"))
    with pytest.raises(DatabaseUnavailable, match="the database of jobs is not available") as raised:
        jobs.read(engine, 1)
    assert "geheim" not in raised.value.text
    assert "\n" not in raised.value.text


# Triggered


def test_time_of_the_first_trigger_is_kept(database_engine: Engine, job_id: int):
    job_runs.mark_triggered(database_engine, job_id)
    first = jobs.read(database_engine, job_id).triggered
    job_runs.mark_triggered(database_engine, job_id)
    assert first is not None
    assert jobs.read(database_engine, job_id).triggered == first
    assert [kind for kind, _ in events(database_engine, job_id)] == ["received", "triggered", "triggered"]


# Changes of the run in Airflow


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


# The last state


@pytest.mark.parametrize(
    "state", [OK_BY_HAND, FAILED_BY_HAND, JobState("OK", "open tar", 0.1, "日本 'x' \"y\"\n", False)]
)
def test_last_state_is_kept_exactly(database_engine: Engine, job_id: int, state: JobState):
    jobs.keep_last_state(database_engine, jobs.read(database_engine, job_id), state)
    assert jobs.read(database_engine, job_id).record.last == state


def test_last_state_replaces_the_one_before_and_changes_nothing_else(database_engine: Engine, job_id: int):
    before = jobs.read(database_engine, job_id)
    jobs.keep_last_state(database_engine, before, FAILED_BY_HAND)
    jobs.keep_last_state(database_engine, before, OK_BY_HAND)
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


# Overrides


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


# Clears


def test_clears_are_counted_with_an_event_each(database_engine: Engine, job_id: int):
    for expected in (1, 2, 3):
        job_runs.count_clear(database_engine, job_id)
        assert jobs.read(database_engine, job_id).record.clears == expected
    assert [kind for kind, _ in events(database_engine, job_id)] == ["received", *["cleared"] * 3]


def test_error_of_a_stage_is_read_with_its_code(database_engine: Engine, job_id: int):
    set_columns(database_engine, job_id, error=stage_error(final=True))
    record = jobs.read(database_engine, job_id).record
    assert record.error == StageError(Stage.OPEN_TAR, "bundle_invalid: cut", final=True)


# Unfinished


def unfinished_of(engine: Engine, *ids: int) -> list[int]:
    """Return those of the jobs that are unfinished; the ids are consecutive."""
    found = jobs.unfinished(engine, ids[0] - 1, len(ids) + 100)
    return [job.received.job_id for job in found if job.received.job_id in ids]


@pytest.mark.parametrize(
    ("columns", "listed"),
    [
        ({"percent": 99.0}, True),
        ({"outcome": Outcome.CATALOGING}, True),
        ({"outcome": Outcome.REJECTING}, True),
        ({"outcome": Outcome.CATALOGED}, False),
        ({"error": stage_error(final=False)}, True),
        ({"error": stage_error(final=True)}, False),
        ({"outcome": Outcome.REJECTED, "error": stage_error(final=True)}, False),
        ({"outcome": Outcome.REJECTING, "error": stage_error(final=False)}, True),
        ({"outcome": Outcome.CATALOGED, "error": stage_error(final=False)}, False),
        ({"finished": Stage.VALIDATE_POLICY, "stage": Stage.INGEST_FILES, "holder": "host:1:1"}, True),
    ],
)
def test_only_jobs_that_have_not_ended_are_unfinished(
    database_engine: Engine, job_id: int, columns: dict[str, object], listed: bool
):
    set_columns(database_engine, job_id, **columns)
    assert unfinished_of(database_engine, job_id) == ([job_id] if listed else [])


def test_overridden_job_is_unfinished_again_when_it_is_lifted(database_engine: Engine, job_id: int):
    jobs.override(database_engine, job_id, FAILED_BY_HAND)
    assert unfinished_of(database_engine, job_id) == []
    jobs.lift_override(database_engine, job_id)
    assert unfinished_of(database_engine, job_id) == [job_id]


def test_job_that_is_ok_by_hand_is_unfinished(database_engine: Engine, job_id: int):
    jobs.override(database_engine, job_id, OK_BY_HAND)
    assert unfinished_of(database_engine, job_id) == [job_id]


def test_job_that_had_failed_is_unfinished_when_it_is_retried(database_engine: Engine, job_id: int):
    set_columns(database_engine, job_id, error=stage_error(final=True))
    lifted = jobs.lift_override(database_engine, job_id)
    assert lifted.record.error == StageError(Stage.OPEN_TAR, "bundle_invalid: cut", final=False)
    assert unfinished_of(database_engine, job_id) == [job_id]


def test_unfinished_jobs_are_returned_in_order_of_their_ids_and_in_batches(database_engine: Engine):
    ids = [next(next_id) for _ in range(5)]
    for job in reversed(ids):
        create_job(database_engine, received(job))
    set_columns(database_engine, ids[1], outcome=Outcome.CATALOGED)
    first = [job.received.job_id for job in jobs.unfinished(database_engine, ids[0] - 1, 2)]
    second = [job.received.job_id for job in jobs.unfinished(database_engine, first[-1], 2)]
    assert first + second == [ids[0], ids[2], ids[3], ids[4]]


def test_unfinished_job_is_returned_complete(database_engine: Engine, job_id: int):
    assert jobs.unfinished(database_engine, job_id - 1, 1) == [jobs.read(database_engine, job_id)]


def test_nothing_is_unfinished_above_the_largest_id(database_engine: Engine):
    assert jobs.unfinished(database_engine, LARGEST_ID, 10) == []


def test_database_that_can_only_be_read_is_unavailable(database_engine: Engine, job_id: int):
    read_only = database_engine.execution_options(postgresql_readonly=True)
    with pytest.raises(DatabaseUnavailable, match="read-only"):
        job_runs.mark_triggered(read_only, job_id)
