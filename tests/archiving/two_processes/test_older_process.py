"""An older process of a stage that continues after a newer process acquired the job changes nothing.

It is held between two of its writes. Its session with the job's lock is cut, as when the database restarts, and a newer
process acquires the job.
"""

import signal

import pytest

from ingest.errors.types import FenceLost, RejectedBefore
from ingest.settings.loading import Settings
from ingest.states.stages import Stage
from tests.archiving.two_processes.job import BLOCK, ContestedJob
from tests.archiving.two_processes.process import FINISHED

STOPPED = FenceLost.__name__
READING = "ingest_files.reading"


def assert_newer_process_prevails(job: ContestedJob, stage: Stage, point: str) -> None:
    older = job.start_held(stage, point)
    job.cut_session()
    assert job.start(stage).outcome() == FINISHED
    job.release(point)
    assert older.outcome() == STOPPED
    job.run_after(stage)
    job.assert_as_if_one_had_run()


@pytest.mark.parametrize("point", ["ingest_files.sending", "ingest_files.sent"])
def test_older_process_sends_no_more_files(bundle: ContestedJob, point: str):
    bundle.run_before(Stage.INGEST_FILES)
    assert_newer_process_prevails(bundle, Stage.INGEST_FILES, point)


@pytest.mark.parametrize("point", ["ingest_metadata.cataloguing", "ingest_metadata.accepted"])
def test_older_process_catalogs_nothing_twice(bundle: ContestedJob, point: str):
    bundle.run_before(Stage.INGEST_METADATA)
    assert_newer_process_prevails(bundle, Stage.INGEST_METADATA, point)


@pytest.mark.parametrize(
    "point", ["move_files.sending", "move_files.linked", "move_files.moved", "move_files.verified"]
)
def test_older_process_moves_no_more_sources(move: ContestedJob, point: str):
    move.run_before(Stage.MOVE_FILES)
    assert_newer_process_prevails(move, Stage.MOVE_FILES, point)


def test_older_process_does_not_delete_the_partial_file_that_the_newer_one_has_sent_again(bundle: ContestedJob):
    bundle.run_before(Stage.INGEST_FILES)
    bundle.start_held(Stage.INGEST_FILES, "ingest_files.sent").kill()
    assert_newer_process_prevails(bundle, Stage.INGEST_FILES, "ingest_files.sending")


@pytest.mark.parametrize("point", ["rejection.deleting", "rejection.deleted"])
def test_older_process_does_not_delete_files_of_a_rejected_job_that_the_newer_one_has_sent_again(
    bundle: ContestedJob, settings: Settings, point: str
):
    good = settings.volume_path / f"{bundle.job_id}.tar"
    content = good.read_bytes()
    good.write_bytes(content.replace(b"2" * BLOCK, b"3" * BLOCK))
    bundle.run_before(Stage.INGEST_FILES)
    older = bundle.start_held(Stage.INGEST_FILES, point)
    bundle.cut_session()
    assert bundle.start(Stage.INGEST_FILES).outcome() == RejectedBefore.__name__
    good.write_bytes(content)
    assert bundle.start(Stage.INGEST_FILES).outcome() == FINISHED
    bundle.release(point)
    assert older.outcome() == STOPPED
    bundle.run_after(Stage.INGEST_FILES)
    bundle.assert_as_if_one_had_run()


@pytest.mark.parametrize("point", ["put_back.linked", "put_back.empty", "put_back.parted"])
def test_older_process_does_not_restore_the_source_that_the_newer_one_has_moved_again(move: ContestedJob, point: str):
    move.run_before(Stage.MOVE_FILES)
    move.start_held(Stage.MOVE_FILES, "move_files.moved").kill()
    assert_newer_process_prevails(move, Stage.MOVE_FILES, point)


def test_older_process_stops_in_the_middle_of_a_file(bundle: ContestedJob):
    bundle.run_before(Stage.INGEST_FILES)
    older = bundle.start_held(Stage.INGEST_FILES, READING, passes=3)
    bundle.cut_session()
    newer = bundle.start_held(Stage.INGEST_FILES, "ingest_files.begun")
    # Now, because both archives refuse a file from one client while they receive it from another.
    bundle.release(READING)
    assert older.outcome() == STOPPED
    bundle.release("ingest_files.begun")
    assert newer.outcome() == FINISHED
    bundle.run_after(Stage.INGEST_FILES)
    bundle.assert_as_if_one_had_run()


def test_older_process_changes_nothing_after_it_was_suspended_and_resumed(bundle: ContestedJob):
    bundle.run_before(Stage.INGEST_FILES)
    older = bundle.start_held(Stage.INGEST_FILES, "ingest_files.sent")
    older.send_signal(signal.SIGSTOP)
    bundle.release("ingest_files.sent")
    bundle.cut_session()
    assert bundle.start(Stage.INGEST_FILES).outcome() == FINISHED
    older.send_signal(signal.SIGCONT)
    assert older.outcome() == STOPPED
    bundle.run_after(Stage.INGEST_FILES)
    bundle.assert_as_if_one_had_run()


def test_newer_process_waits_for_the_lock_that_the_older_one_still_holds(bundle: ContestedJob):
    bundle.run_before(Stage.INGEST_FILES)
    older = bundle.start_held(Stage.INGEST_FILES, READING, passes=3)
    newer = bundle.start(Stage.INGEST_FILES)
    bundle.wait_until_awaited()
    bundle.release(READING)
    assert older.outcome() == STOPPED
    assert newer.outcome() == FINISHED
    bundle.run_after(Stage.INGEST_FILES)
    bundle.assert_as_if_one_had_run()
