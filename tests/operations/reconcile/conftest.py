"""A separate ledger for each test, with ended jobs, and the comparison of all of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.errors.types import FilesRejected
from ingest.ledger.models import File
from ingest.operations.reconcile import folder_comparison
from ingest.operations.reconcile.comparison import Comparison, Extent
from ingest.operations.reconcile.findings import Counts, Finding
from ingest.services import Services
from ingest.settings.loading import Settings
from ingest.stages import run_stage as stage_wrapper
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob, RunStage
from tools.bundles import file_entry, make_bundle, metadata_of, transaction

KEPT, WRONG = "data/kept.txt", "data/wrong.txt"
CONTENTS = {KEPT: b"as declared", WRONG: b"not as declared"}
INGEST = STAGES[Kind.INGEST]

Compare = Callable[..., list[Finding]]


@pytest.fixture
def database_url(separate_url: str) -> str:
    """Return the URL of a separate ledger, because everything in it is compared."""
    return separate_url


@pytest.fixture
def database_engine(separate_engine: Engine) -> Engine:
    """Return an engine on the separate ledger, which is empty."""
    return separate_engine


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def compare(settings: Settings, database_engine: Engine, services: Services, counts: Counts) -> Compare:
    """Return a function that compares everything, or the extent of its arguments."""

    def run(**extent: object) -> list[Finding]:
        chosen = Extent(**extent)  # type: ignore[arg-type]
        return list(Comparison(settings, database_engine, services, chosen, counts).findings())

    return run


@pytest.fixture
def no_minimum_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare all files in the archive's folder, however recent."""
    monkeypatch.setattr(folder_comparison, "MIN_AGE_SECONDS", 0.0)


@pytest.fixture
def cataloged(make_job: MakeJob, run_stage: RunStage) -> int:
    job = make_job()
    for stage in INGEST:
        run_stage(job, stage)
    return job


@pytest.fixture
def rejected(make_job: MakeJob, settings_in_environment: None) -> int:
    """Return a job that was rejected when one of its files was already in the archive."""
    entries = [*transaction(), *(entry for entry in metadata_of(CONTENTS) if entry.get("name") == "kept.txt")]
    entries.append(file_entry(WRONG, CONTENTS[WRONG], hashsum="0" * 40))
    job = make_job(make_bundle(CONTENTS, entries))
    for stage in INGEST[:3]:
        stage_wrapper.run_stage(stage, job, 1, last_try=False)
    with pytest.raises(FilesRejected):
        stage_wrapper.run_stage(Stage.INGEST_FILES, job, 1, last_try=False)
    return job


@pytest.fixture
def in_progress(make_job: MakeJob, run_stage: RunStage) -> int:
    """Return a job between two stages; all its files are in the archive."""
    job = make_job()
    for stage in INGEST[:-1]:
        run_stage(job, stage)
    return job


def ids_of(engine: Engine, job: int) -> dict[str, int]:
    """Return the ids of a job's files by their paths in the bundle."""
    with Session(engine) as session:
        rows = session.execute(select(File.path, File.file_id).where(File.job_id == job))
        return {f"data/{path}": file_id or 0 for path, file_id in rows}


def stored(folder: Path, file_id: int) -> Path:
    """Return the path of a file in the built-in archive."""
    [path] = folder.rglob(str(file_id))
    return path


def summaries(findings: list[Finding]) -> list[tuple[str, int | None, int | None]]:
    """Return the problem, the job and the file of each finding."""
    return [(str(each.problem), each.job_id, each.file_id) for each in findings]
