"""A stage on a full disk reports which disk and waits; it never blames the uploader or reports an unknown error."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.errors.types import ServiceUnavailable, SpoolFull
from ingest.ledger import jobs, lease
from ingest.ledger.models import CatalogTransaction
from ingest.settings.loading import Settings
from ingest.stages import run_stage
from ingest.states.job_record import Outcome
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob
from tests.services.archive_folders import files, marked_archive
from tests.small_disk import empty, fill, small_disk

MIB = 1024**2
Run = Callable[[int, Stage], object]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 4 * MIB) as mounted:
        yield mounted


@pytest.fixture
def run(settings: Settings, shared_engine: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a stage as a task does."""
    monkeypatch.setattr(run_stage, "load_settings", lambda: settings)
    monkeypatch.setattr(lease, "CHECK_SECONDS", 0.0)
    return lambda job, stage: run_stage.run_stage(stage, job, 1, last_try=False)


class TestSpool:
    @pytest.fixture
    def settings(self, settings: Settings, disk: Path) -> Settings:
        return settings.model_copy(update={"volume_path": disk})

    @pytest.mark.parametrize("stage", [Stage.VALIDATE_POLICY, Stage.INGEST_METADATA])
    def test_stage_without_free_space_for_its_document_waits(
        self, run: Run, make_job: MakeJob, database_engine: Engine, disk: Path, stage: Stage
    ) -> None:
        job, stages = make_job(), STAGES[Kind.INGEST]
        for each in stages[: stages.index(stage)]:
            run(job, each)
        fill(disk)
        with pytest.raises(SpoolFull, match=f"the spool {disk} does not have enough free space"):
            run(job, stage)
        error = jobs.read(database_engine, job).record.error
        assert error is not None
        assert (error.text.partition(":")[0], error.final) == ("spool_full", False)
        empty(disk)
        for each in stages[stages.index(stage) :]:
            run(job, each)
        assert jobs.read(database_engine, job).record.outcome is Outcome.CATALOGED


class TestArchive:
    @pytest.fixture
    def settings(self, settings: Settings, disk: Path) -> Settings:
        return settings.model_copy(update={"archiveinterface_url": marked_archive(disk / "archive")})

    def test_full_archive_is_reported_and_keeps_no_partial_file(
        self, run: Run, make_job: MakeJob, database_engine: Engine, disk: Path
    ) -> None:
        job = make_job()
        for stage in (Stage.OPEN_TAR, Stage.LOAD_METADATA, Stage.VALIDATE_POLICY):
            run(job, stage)
        fill(disk)
        with pytest.raises(
            ServiceUnavailable, match=f"file://{disk}/archive is not available: .*No space left on device"
        ):
            run(job, Stage.INGEST_FILES)
        error = jobs.read(database_engine, job).record.error
        assert error is not None
        assert (error.text.partition(":")[0], error.final) == ("service_unavailable", False)
        assert files(disk / "archive") == []
        empty(disk)
        for stage in (Stage.INGEST_FILES, Stage.INGEST_METADATA):
            run(job, stage)
        with Session(database_engine) as session:
            assert session.scalar(select(CatalogTransaction.id).where(CatalogTransaction.id == job)) == job
