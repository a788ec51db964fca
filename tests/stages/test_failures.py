"""How a failed attempt is recorded: which errors make a job wait, for how long, and what ends the wait."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, Text, cast, func, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ingest.errors.types import (
    CatalogUnsettled,
    ConfigurationError,
    DatabaseUnavailable,
    IngestError,
    MoveFolderUnavailable,
    PolicyRejected,
    RejectionUnfinished,
    ServiceUnavailable,
    SpoolUnavailable,
    StageTerminated,
    SubmittersUnavailable,
    TransientError,
)
from ingest.ledger import jobs
from ingest.ledger.database import transaction
from ingest.ledger.lease import acquire_job
from ingest.ledger.models import Job
from ingest.settings.loading import DagSettings
from ingest.stages.failures import record_error
from ingest.states.job_record import JobRecord
from ingest.states.stages import Stage
from tests.job_fixtures import MakeJob

SETTINGS = DagSettings(retry_delay=5.0, max_retry_delay=300.0, retry_for=3600.0)
Fail = Callable[..., JobRecord]


def archive_unavailable(reason: str = "Connection refused") -> ServiceUnavailable:
    return ServiceUnavailable("archive", "http://archive:8080/17", reason)


def metadata_unavailable() -> ServiceUnavailable:
    return ServiceUnavailable("metadata", "http://metadata", "Connection refused")


@pytest.fixture
def fail(database_engine: Engine) -> Fail:
    """Return a function that lets an attempt of a job fail with an error, and returns the job."""

    def fail(job: int, error: IngestError, *, last_try: bool = False) -> JobRecord:
        with acquire_job(database_engine, job, Stage.INGEST_FILES, 1) as lease:
            assert lease is not None
            record_error(lease, error, SETTINGS, last_try=last_try)
        return jobs.read(database_engine, job).record

    return fail


def begin_earlier(engine: Engine, job: int, seconds: float) -> None:
    """Let the wait of a job begin earlier."""
    waiting = jobs.read(engine, job).record.waiting
    assert waiting is not None
    since = (waiting.since - timedelta(seconds=seconds)).isoformat()
    with transaction(engine) as session:
        changed = func.jsonb_set(Job.waiting, cast(["since"], ARRAY(Text)), cast(since, JSONB))
        session.execute(update(Job).where(Job.id == job).values(waiting=changed))


def test_first_failure_begins_a_wait(make_job: MakeJob, fail: Fail):
    error = archive_unavailable()
    waiting = fail(make_job(), error).waiting
    assert waiting is not None
    assert (waiting.service, waiting.url, waiting.code) == ("archive", "http://archive:8080/17", "service_unavailable")
    assert (waiting.attempt, waiting.reason) == (1, "Connection refused")
    assert error.next_attempt_seconds is not None
    assert SETTINGS.retry_delay * 0.75 <= error.next_attempt_seconds <= SETTINGS.retry_delay
    assert waiting.next_attempt_at == waiting.since + timedelta(seconds=error.next_attempt_seconds)


def test_delays_are_doubled_up_to_the_longest(make_job: MakeJob, fail: Fail):
    job = make_job()
    for attempt, longest in enumerate([5, 10, 20, 40, 80, 160, 300, 300], start=1):
        error = archive_unavailable()
        waiting = fail(job, error).waiting
        assert waiting is not None
        assert waiting.attempt == attempt
        assert error.next_attempt_seconds is not None
        assert longest * 0.75 <= error.next_attempt_seconds <= longest


def test_the_same_outage_is_counted_from_its_first_failure(make_job: MakeJob, fail: Fail):
    job = make_job()
    first = fail(job, archive_unavailable()).waiting
    second = fail(job, archive_unavailable("it answered 500")).waiting
    assert first is not None
    assert second is not None
    assert (second.since, second.attempt, second.reason) == (first.since, 2, "it answered 500")


def test_another_service_begins_another_wait(make_job: MakeJob, fail: Fail):
    job = make_job()
    first = fail(job, archive_unavailable()).waiting
    second = fail(job, metadata_unavailable()).waiting
    assert first is not None
    assert second is not None
    assert second.since > first.since
    assert (second.service, second.attempt) == ("metadata", 1)


@pytest.mark.parametrize("last_try", [False, True])
def test_wait_ends_by_time_and_not_by_the_number_of_attempts(
    make_job: MakeJob, fail: Fail, database_engine: Engine, last_try: bool
):
    job = make_job()
    for _ in range(20):
        record = fail(job, archive_unavailable(), last_try=last_try)
    assert record.is_waiting
    begin_earlier(database_engine, job, SETTINGS.retry_for)
    last = archive_unavailable()
    record = fail(job, last, last_try=last_try)
    assert (record.is_stopped, last.has_given_up) == (True, True)
    assert record.waiting is None
    assert record.error is not None
    assert "archive at http://archive:8080/17 is not available: Connection refused (all 21 attempts failed since " in (
        record.error.text
    )


def test_wait_after_a_retry_by_an_admin_begins_again(make_job: MakeJob, fail: Fail, database_engine: Engine):
    job = make_job()
    fail(job, archive_unavailable())
    begin_earlier(database_engine, job, SETTINGS.retry_for)
    assert fail(job, archive_unavailable()).is_stopped
    jobs.lift_override(database_engine, job)
    waiting = fail(job, archive_unavailable()).waiting
    assert waiting is not None
    assert waiting.attempt == 1


def test_stage_that_finishes_ends_the_wait(make_job: MakeJob, fail: Fail, database_engine: Engine):
    job = make_job()
    fail(job, archive_unavailable())
    with acquire_job(database_engine, job, Stage.INGEST_FILES, 2) as lease:
        assert lease is not None
        assert not jobs.read(database_engine, job).record.is_waiting
        lease.finish_stage()
    assert jobs.read(database_engine, job).record.waiting is None


@pytest.mark.parametrize(
    ("error", "service"),
    [
        (SpoolUnavailable("the spool is full"), "spool"),
        (MoveFolderUnavailable("/srv/data does not exist"), "move folder"),
        (SubmittersUnavailable("the file cannot be read"), "submitter file"),
        (CatalogUnsettled("the catalog may still be working"), "catalog"),
        (DatabaseUnavailable("the database of jobs is not available"), "database"),
        (RejectionUnfinished(PolicyRejected("no such project"), archive_unavailable()), "archive"),
    ],
)
def test_every_other_cause_that_may_pass_is_waited_for(
    make_job: MakeJob, fail: Fail, error: TransientError, service: str
):
    record = fail(make_job(), error, last_try=True)
    assert record.is_waiting
    assert record.waiting is not None
    assert (record.waiting.service, record.waiting.url, record.waiting.code) == (service, "", error.code)
    assert record.waiting.sentence.startswith(f"{error.code}: {error.text_of_job}; waiting since ")


@pytest.mark.parametrize(
    "error",
    [
        DatabaseUnavailable("the database of jobs is not available"),
        RejectionUnfinished(PolicyRejected("no such project"), archive_unavailable()),
    ],
)
def test_unfinished_rejection_and_unavailable_database_are_waited_for_without_end(
    make_job: MakeJob, fail: Fail, database_engine: Engine, error: TransientError
):
    job = make_job()
    fail(job, error)
    begin_earlier(database_engine, job, SETTINGS.retry_for)
    assert fail(job, error).is_waiting


@pytest.mark.parametrize("last_try", [False, True])
def test_process_that_was_stopped_neither_waits_nor_ends_the_job(make_job: MakeJob, fail: Fail, last_try: bool):
    error = StageTerminated("the process was stopped")
    record = fail(make_job(), error, last_try=last_try)
    assert (record.waiting, record.is_stopped, error.next_attempt_seconds) == (None, False, None)


def test_process_that_is_stopped_in_the_middle_of_an_outage_does_not_begin_another_wait(make_job: MakeJob, fail: Fail):
    job = make_job()
    first = fail(job, archive_unavailable()).waiting
    assert fail(job, StageTerminated("the process was stopped")).waiting == first
    second = fail(job, archive_unavailable()).waiting
    assert first is not None
    assert second is not None
    assert (second.since, second.attempt) == (first.since, 2)


@pytest.mark.parametrize("last_try", [False, True])
def test_error_that_no_recovery_ends_is_final_at_the_last_try(make_job: MakeJob, fail: Fail, last_try: bool):
    record = fail(make_job(), ConfigurationError("a setting is wrong"), last_try=last_try)
    assert (record.waiting, record.is_stopped) == (None, last_try)
