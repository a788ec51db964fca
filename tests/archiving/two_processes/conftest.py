"""A job and two processes for it; each test runs with the built-in services and with the real ones."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from ingest.ledger.models import FILE_IDS, JOB_IDS
from ingest.services import Services
from ingest.services.archive_marker import MARKER
from ingest.settings.loading import BUILT_IN, Settings, load_settings
from ingest.states.stages import Kind
from ingest.system.failpoints import VARIABLE
from tests.archiving.two_processes.job import BLOCK, CONTENTS, ContestedJob, Stored
from tests.archiving.two_processes.process import StageProcess, Start
from tests.faults.points import Points
from tests.job_fixtures import MakeJob, RunStage
from tests.services.archive_folders import marked_archive
from tools.bundles import file_entry, make_bundle, transaction
from tools.pacifica_core.services import ARCHIVE

# Ids that no job of another test has in this ledger, and no file in the core.
OWN_IDS = 8_000_000
RAISE = "SELECT setval(:name, greatest(nextval(:name), :least))"


@pytest.fixture
def own_ids(database_engine: Engine) -> None:
    """Make the built-in ids start above those of other tests."""
    with database_engine.begin() as connection:
        for sequence in (JOB_IDS, FILE_IDS):
            connection.execute(text(RAISE), {"name": sequence.name, "least": OWN_IDS})


@pytest.fixture(params=["built-in", pytest.param("core", marks=pytest.mark.core)])
def environment(request: pytest.FixtureRequest, own_ids: None, database_url: str, tmp_path: Path) -> dict[str, str]:
    """Return the settings of the processes, as variables."""
    own = {
        "INGEST_DATABASE_URL": database_url,
        "VOLUME_PATH": str(tmp_path / "spool"),
        "ARCHIVEINTERFACE_URL": marked_archive(tmp_path / "archive"),
        "INGEST_MOVE_FOLDERS": str(tmp_path / "move"),
        "INGEST_MOVE_STAGING": str(tmp_path / "staging"),
        "TRANSFER_SIZE": str(BLOCK),
        VARIABLE: str(tmp_path / "points"),
    }
    for name in ("spool", "move", "staging", "points"):
        (tmp_path / name).mkdir()
    core = request.getfixturevalue("core").settings() if request.param == "core" else {}
    return own | core | {"UNIQUEID_URL": BUILT_IN}


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return load_settings(environment)


@pytest.fixture
def points(environment: dict[str, str]) -> Points:
    return Points(Path(environment[VARIABLE]))


@pytest.fixture
def stored(request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path) -> Stored:
    """Return a function that returns the names of all files in the archive's folder."""
    built_in = environment["ARCHIVEINTERFACE_URL"].startswith("file:")
    folder = tmp_path / "archive" if built_in else request.getfixturevalue("core").services[ARCHIVE].archive
    return lambda: {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != MARKER
    }


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    """Return a function that starts a stage of a job in a separate process."""
    started: list[StageProcess] = []

    def start(stage: str, job_id: int) -> StageProcess:
        started.append(StageProcess(stage, job_id, environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def bundle(
    make_job: MakeJob, run_stage: RunStage, start: Start, points: Points, services: Services,
    database_engine: Engine, stored: Stored,
) -> ContestedJob:  # fmt: skip
    """Return the job of a received bundle."""
    job_id = make_job(make_bundle(CONTENTS))
    return ContestedJob(job_id, Kind.INGEST, run_stage, start, points, services, database_engine, stored)


@pytest.fixture
def move(
    make_job: MakeJob, run_stage: RunStage, start: Start, points: Points, services: Services,
    database_engine: Engine, stored: Stored, settings: Settings,
) -> ContestedJob:  # fmt: skip
    """Return the job of a received move document whose sources have not been moved."""
    entries = []
    for path, content in CONTENTS.items():
        source = settings.move_folders[0] / Path(path).name
        source.write_bytes(content)
        entries.append(file_entry(path, content, source=str(source)))
    job_id = make_job(json.dumps([*transaction(), *entries]).encode(), Kind.MOVE)
    return ContestedJob(job_id, Kind.MOVE, run_stage, start, points, services, database_engine, stored)
