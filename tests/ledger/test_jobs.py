"""Jobs are created and read, on a real PostgreSQL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from ingest.errors.types import DatabaseUnavailable, JobExists, UnknownJob
from ingest.ledger import job_runs, jobs
from ingest.ledger.database import make_engine, transaction
from ingest.ledger.job_snapshots import Received
from ingest.ledger.jobs import LARGEST_ID
from ingest.settings.loading import Settings
from ingest.states.job_record import StageError
from ingest.states.stages import Kind, Stage
from tests.job_creation import create_job
from tests.ledger.job_rows import FAILED_BY_HAND, events, next_id, received, set_columns, stage_error

OUT_OF_RANGE = [-1, -(2**63), LARGEST_ID + 1, 2**64, 10**30]


@pytest.fixture
def deleted_afterwards(database_engine: Engine) -> Iterator[list[int]]:
    """Yield a list for ids of jobs that are deleted at the end, because other tests need these ids."""
    ids: list[int] = []
    yield ids
    with transaction(database_engine) as session:
        for job in ids:
            session.delete(jobs.get_job(session, job))


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
def test_smallest_and_largest_ids_are_valid(database_engine: Engine, deleted_afterwards: list[int], job: int):
    create_job(database_engine, received(job))
    deleted_afterwards.append(job)
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


def test_error_of_a_stage_is_read_with_its_code(database_engine: Engine, job_id: int):
    set_columns(database_engine, job_id, error=stage_error(final=True))
    record = jobs.read(database_engine, job_id).record
    assert record.error == StageError(Stage.OPEN_TAR, "bundle_invalid: cut", final=True)


def test_database_that_can_only_be_read_is_unavailable(database_engine: Engine, job_id: int):
    read_only = database_engine.execution_options(postgresql_readonly=True)
    with pytest.raises(DatabaseUnavailable, match="read-only"):
        job_runs.mark_triggered(read_only, job_id)
