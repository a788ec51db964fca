"""A job that is canceled while a process of it works: either it is complete, or nothing of it remains."""

import signal
from contextlib import suppress

import pytest

from ingest.errors.types import FenceLost, JobBeingCataloged, JobFinished, RejectedBefore
from ingest.ledger import jobs
from ingest.ledger.cancellation import cancel
from ingest.stages.end_when_canceled import EXIT_STATUS
from ingest.states.job_record import Outcome
from ingest.states.stages import Stage
from tests.archiving.two_processes.job import ContestedJob
from tests.archiving.two_processes.process import FINISHED

READING = "ingest_files.reading"


def assert_nothing_remains(job: ContestedJob) -> None:
    assert jobs.read(job.engine, job.job_id).record.is_rejected
    assert job.stored() == job.stored_before
    assert job.services.metadata.find(job.job_id) is None


@pytest.mark.parametrize(
    ("stage", "point"),
    [
        (Stage.INGEST_FILES, "ingest_files.sent"),
        (Stage.INGEST_METADATA, "ingest_metadata.cataloguing"),
    ],
)
def test_process_that_continues_after_the_cancellation_writes_nothing(bundle: ContestedJob, stage: Stage, point: str):
    bundle.run_before(stage)
    older = bundle.start_held(stage, point)
    older.send_signal(signal.SIGSTOP)
    bundle.release(point)
    cancel(bundle.engine, bundle.job_id, "ada", "ada")
    older.send_signal(signal.SIGCONT)
    assert older.outcome() == FenceLost.__name__
    assert bundle.start(stage).outcome() == RejectedBefore.__name__
    assert_nothing_remains(bundle)


def test_process_that_waits_ends_and_the_next_one_removes_what_was_archived(bundle: ContestedJob):
    bundle.run_before(Stage.INGEST_FILES)
    waiting = bundle.start_held(Stage.INGEST_FILES, READING, passes=3)
    cancel(bundle.engine, bundle.job_id, "ada", "ada")
    # It is still held: it ends although nothing in the stage checks the fence.
    assert waiting.exit_status() == EXIT_STATUS
    assert bundle.start(Stage.INGEST_FILES).outcome() == RejectedBefore.__name__
    assert_nothing_remains(bundle)


def test_job_that_is_canceled_while_it_is_cataloged_is_either_complete_or_gone(bundle: ContestedJob):
    bundle.run_before(Stage.INGEST_METADATA)
    process = bundle.start_held(Stage.INGEST_METADATA, "ingest_metadata.cataloguing")
    bundle.release("ingest_metadata.cataloguing")
    with suppress(JobFinished, JobBeingCataloged):
        cancel(bundle.engine, bundle.job_id, "ada", "ada")
    ended = process.outcome()
    record = jobs.read(bundle.engine, bundle.job_id).record
    if record.is_canceled:
        assert ended == FenceLost.__name__
        assert bundle.start(Stage.INGEST_METADATA).outcome() == RejectedBefore.__name__
        assert_nothing_remains(bundle)
    else:
        assert (ended, record.outcome) == (FINISHED, Outcome.CATALOGED)
        bundle.assert_as_if_one_had_run()
