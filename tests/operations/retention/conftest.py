"""Jobs and partial uploads whose files remain in the spool, and their age."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from ingest import spool
from ingest.errors.types import InvalidBundle
from ingest.ledger import uploads
from ingest.ledger.models import Event, Upload
from ingest.services import Services
from ingest.settings.loading import Settings
from ingest.spool import Announced
from ingest.stages.run_stage import run_stage
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob

NO_TAR = b"this is no tar " * 100
ALL = STAGES[Kind.INGEST]
MakeUpload = Callable[..., Announced]


@pytest.fixture(autouse=True)
def retention_settings(settings_in_environment: None) -> None:
    """Set the environment variables, because retention loads its settings itself."""


@pytest.fixture
def rejected(make_job: MakeJob) -> int:
    job = make_job(NO_TAR)
    with pytest.raises(InvalidBundle):
        run_stage(Stage.OPEN_TAR, job, 1, last_try=False)
    return job


@pytest.fixture
def cataloged(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return a complete job whose bundle could not be removed."""
    job = make_job()
    with monkeypatch.context() as broken:
        broken.setattr(spool, "remove", refuse)
        for stage in ALL:
            run_stage(stage, job, 1, last_try=False)
    return job


def refuse(*_: object) -> None:
    raise PermissionError("not permitted")


@pytest.fixture
def make_upload(database_engine: Engine, settings: Settings, services: Services) -> MakeUpload:
    """Return a function that announces an upload and writes a part of it, both some seconds ago."""

    def make(suffix: str = ".part", started: float = 7200, written: float = 7200) -> Announced:
        job = services.uniqueid.allocate("upload_job", 1)[0]
        upload = Announced(job, f"{job}-00000000.tar", 10)
        uploads.announce(database_engine, settings.volume_path, upload)
        with database_engine.begin() as connection:
            ours = update(Upload).where(Upload.spool_name == upload.name)
            connection.execute(ours.values(started=func.now() - timedelta(seconds=started)))
        file = settings.volume_path / f"{upload.name}{suffix}"
        file.write_bytes(b"12345")
        at = file.stat().st_mtime - written
        os.utime(file, (at, at))
        return upload

    return make


def bundle_of(settings: Settings, job: int) -> Path:
    return settings.volume_path / f"{job}.tar"


def event_kinds(engine: Engine, job: int, *kinds: str) -> list[str]:
    """Return the kinds of a job's events in order, restricted to `kinds`."""
    with Session(engine) as session:
        found = session.scalars(select(Event.kind).where(Event.job_id == job).order_by(Event.id))
        return [kind for kind in found if kind in kinds]
