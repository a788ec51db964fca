"""After a process is killed while it changes a file in the archive, the next process finishes the stage."""

import io

import pytest

from ingest.states.stages import Stage
from tests.archiving.two_processes.job import BLOCK, ContestedJob
from tests.archiving.two_processes.process import FINISHED


@pytest.mark.parametrize("point", ["ingest_files.deleting", "ingest_files.deleted"])
def test_after_a_kill_around_the_deletion_of_a_partial_file_the_next_process_sends_all(
    bundle: ContestedJob, point: str
):
    bundle.run_before(Stage.INGEST_FILES)
    bundle.start_held(Stage.INGEST_FILES, "ingest_files.sending").kill()
    before = bundle.file_ids()
    bundle.services.archive.put(before[0], io.BytesIO(b"1" * BLOCK), BLOCK)
    bundle.points.arm(point, bundle.job_id)
    killed = bundle.start(Stage.INGEST_FILES)
    assert killed.outcome() == ""
    assert not bundle.points.is_armed(point, bundle.job_id)
    assert bundle.start(Stage.INGEST_FILES).outcome() == FINISHED
    bundle.run_after(Stage.INGEST_FILES)
    bundle.assert_as_if_one_had_run()
    assert before[0] not in bundle.file_ids()
    assert before[1] in bundle.file_ids()


@pytest.mark.parametrize(
    "point", ["move_files.linked", "move_files.moved", "move_files.verified", "move_files.aside", "move_files.removed"]
)
def test_after_a_kill_while_a_source_is_moved_the_next_process_moves_all(move: ContestedJob, point: str):
    move.run_before(Stage.MOVE_FILES)
    move.points.arm(point, move.job_id)
    assert move.start(Stage.MOVE_FILES).outcome() == ""
    assert not move.points.is_armed(point, move.job_id)
    assert move.start(Stage.MOVE_FILES).outcome() == FINISHED
    move.run_after(Stage.MOVE_FILES)
    move.assert_as_if_one_had_run()
