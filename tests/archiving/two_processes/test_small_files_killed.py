"""A process is killed while small files are under way, of which several are sent before the first is answered."""

import pytest
from sqlalchemy import Engine

from ingest.services import Services
from ingest.states.stages import STAGES, Kind, Stage
from tests.archiving.test_batches import assert_archived
from tests.archiving.two_processes.conftest import Stored
from tests.archiving.two_processes.process import FINISHED, Start
from tests.faults.points import Points
from tests.job_fixtures import MakeJob, RunStage
from tools.bundles import make_bundle

CONTENTS = {f"data/{number:03}": bytes([number]) * 4096 for number in range(40)}


@pytest.mark.parametrize(
    ("point", "passes"),
    [
        ("ingest_files.reading", 21),
        ("ingest_files.sent", 0),
        ("ingest_files.sent", 6),
        ("ingest_files.sent", len(CONTENTS) - 1),
        ("ingest_files.verified", 0),
        ("ingest_files.verified", 9),
        ("ingest_files.synced", 0),
    ],
)
def test_after_a_kill_the_next_process_archives_each_file_once(
    make_job: MakeJob, run_stage: RunStage, start: Start, points: Points, services: Services,
    database_engine: Engine, stored: Stored, point: str, passes: int,
):  # fmt: skip
    before = stored()
    job = make_job(make_bundle(CONTENTS))
    stages = STAGES[Kind.INGEST]
    for stage in stages[: stages.index(Stage.INGEST_FILES)]:
        run_stage(job, stage)
    points.arm(point, job, passes=passes)
    assert start(Stage.INGEST_FILES, job).outcome() == ""
    assert not points.is_armed(point, job)
    assert start(Stage.INGEST_FILES, job).outcome() == FINISHED
    assert_archived(database_engine, services, job, CONTENTS)
    assert len(stored() - before) == len(CONTENTS)
