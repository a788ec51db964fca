"""Partial uploads are removed after a while, and no upload that is still being received."""

import threading

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.errors.types import UnknownJob, UploadAbandoned
from ingest.ledger import jobs, uploads
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.jobs import Received
from ingest.ledger.models import Upload
from ingest.operations import retention
from ingest.settings.loading import Settings
from ingest.spool import Announced
from ingest.states.stages import Kind
from tests.operations.retention.conftest import MakeUpload, event_kinds


def is_announced(engine: Engine, upload: Announced) -> bool:
    with Session(engine) as session:
        return session.get(Upload, upload.name) is not None


def names(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.volume_path.iterdir())


def received(upload: Announced) -> Received:
    return Received(upload.job_id, Kind.INGEST, "ada", upload.name, 5)


@pytest.mark.parametrize("suffix", ["", ".part"])
def test_abandoned_upload_is_removed_whole_or_in_part_with_an_event(
    make_upload: MakeUpload, settings: Settings, database_engine: Engine, suffix: str
):
    upload = make_upload(suffix)
    retention.remove_leftovers()
    retention.remove_leftovers()
    assert names(settings) == []
    assert not is_announced(database_engine, upload)
    assert event_kinds(database_engine, upload.job_id, "upload_abandoned") == ["upload_abandoned"]


def test_row_of_an_upload_without_a_byte_is_removed(
    make_upload: MakeUpload, settings: Settings, database_engine: Engine
):
    upload = make_upload()
    (settings.volume_path / f"{upload.name}.part").unlink()
    retention.remove_leftovers()
    assert not is_announced(database_engine, upload)


@pytest.mark.parametrize(("started", "written"), [(3600, 3600), (7200, 3600), (100_000, 0), (0, 100_000)])
def test_upload_that_began_or_was_written_lately_stays(
    make_upload: MakeUpload, settings: Settings, database_engine: Engine, started: float, written: float
):
    upload = make_upload(started=started, written=written)
    retention.remove_leftovers()
    assert names(settings) == [f"{upload.name}.part"]
    assert is_announced(database_engine, upload)


def test_seconds_that_an_abandoned_upload_stays_are_a_setting_beyond_the_timeout_of_the_api(
    make_upload: MakeUpload, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("INGEST_KEEP_ABANDONED_SECONDS", "10")
    monkeypatch.setenv("INGEST_RECEIVE_TIMEOUT", "30")
    younger, _older = make_upload(started=20, written=20), make_upload(started=45, written=45)
    retention.remove_leftovers()
    assert names(settings) == [f"{younger.name}.part"]


def test_file_that_neither_a_job_nor_an_upload_names_is_never_touched(settings: Settings):
    (settings.volume_path / "1-00000000.tar.part").write_bytes(b"of another service that shares the folder")
    retention.remove_leftovers()
    assert names(settings) == ["1-00000000.tar.part"]


def test_upload_that_was_removed_meanwhile_becomes_no_job(make_upload: MakeUpload, database_engine: Engine):
    upload = make_upload("")
    retention.remove_leftovers()
    with pytest.raises(UploadAbandoned, match="send it again"):
        jobs.create(database_engine, received(upload))
    with pytest.raises(UnknownJob):
        jobs.read(database_engine, upload.job_id)


def test_retention_waits_for_a_commit_that_is_under_way_and_leaves_the_job_its_file(
    make_upload: MakeUpload, settings: Settings, database_engine: Engine
):
    upload = make_upload("")
    retaining = threading.Thread(target=retention.remove_leftovers)
    with transaction(database_engine) as session:
        uploads.claim(session, upload.name, upload.job_id)
        retaining.start()
        retaining.join(1.0)
        assert retaining.is_alive()
    retaining.join(60)
    assert names(settings) == [upload.name]
    assert event_kinds(database_engine, upload.job_id, "upload_abandoned") == []


def test_replaced_bundle_is_removed_when_the_command_died_before_its_removal(
    make_upload: MakeUpload, settings: Settings, database_engine: Engine
):
    upload = make_upload("")
    jobs.create(database_engine, received(upload))
    retention.remove_leftovers()
    assert names(settings) == [upload.name]
    with transaction(database_engine) as session:
        uploads.release(session, upload.name, upload.job_id, 5)
    assert is_announced(database_engine, upload)
    assert uploads.remove(database_engine, settings.volume_path, upload.name, EventKind.BUNDLE_REMOVED)
    assert names(settings) == []


def test_many_uploads_are_looked_at_in_batches(
    make_upload: MakeUpload, settings: Settings, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(uploads, "BATCH", 2)
    made = {make_upload().name for _ in range(5)}
    retention.remove_leftovers()
    assert names(settings) == []
    with Session(database_engine) as session:
        assert made.isdisjoint(session.scalars(select(Upload.spool_name)))
