"""Resumable uploads expire some time after their last byte."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from ingest.ledger import jobs, resumable_uploads, upload_progress
from ingest.ledger.events import EventKind
from ingest.ledger.jobs import Received
from ingest.ledger.models import Event, ResumableUpload, Upload
from ingest.ledger.upload_expiry import expiry
from ingest.ledger.upload_progress import Declaration
from ingest.ledger.user_shares import NO_LIMITS
from ingest.operations import retention
from ingest.settings.loading import Settings
from ingest.spool import Announced, append, part_of
from ingest.states.stages import Kind

MakeUpload = Callable[..., Announced]

pytestmark = pytest.mark.usefixtures("settings_in_environment")


@pytest.fixture
def make_upload(settings: Settings, database_engine: Engine) -> MakeUpload:
    """Return a function that creates an upload whose last byte, at `offset`, came some hours ago."""
    ids = iter(range(9_100_000, 9_200_000))

    def make(token: str, hours: int, offset: int = 3) -> Announced:
        job = next(ids)
        announced = Announced(job, f"{job}-{token}.tar", 5, "ada")
        resumable_uploads.create(
            database_engine,
            settings.volume_path,
            announced,
            f"{settings.volume_path}-{token}",
            Declaration(),
            0,
            NO_LIMITS,
        )
        with database_engine.begin() as connection:
            old = text(
                "UPDATE resumable_upload SET updated = now() - make_interval(hours => :hours), position = :offset "
                "WHERE job_id = :job"
            )
            connection.execute(old, {"hours": hours, "job": job, "offset": offset})
        return announced

    return make


def rows(engine: Engine, announced: Announced) -> tuple[int, int]:
    """Return how many rows name a file: of its upload, and of its resumable upload."""
    with Session(engine) as session:
        named = (Upload.spool_name == announced.name, ResumableUpload.spool_name == announced.name)
        return len(session.scalars(select(Upload).where(named[0])).all()), len(
            session.scalars(select(ResumableUpload).where(named[1])).all()
        )


def token_of(engine: Engine, announced: Announced) -> str:
    with Session(engine) as session:
        return session.scalars(select(ResumableUpload.token).where(ResumableUpload.spool_name == announced.name)).one()


def part(settings: Settings, announced: Announced) -> Path:
    return part_of(settings.volume_path / announced.name)


def test_expired_upload_is_removed_with_an_event(make_upload: MakeUpload, settings: Settings, database_engine: Engine):
    upload, fresh = make_upload("old", 169), make_upload("fresh", 167)
    assert retention.remove_leftovers()["expired"] == 1
    assert (rows(database_engine, upload), part(settings, upload).exists()) == ((0, 0), False)
    assert (rows(database_engine, fresh), part(settings, fresh).exists()) == ((1, 1), True)
    with Session(database_engine) as session:
        kinds = session.scalars(select(Event.kind).where(Event.job_id == upload.job_id)).all()
    assert kinds == [EventKind.UPLOAD_ABANDONED]


def test_upload_without_a_byte_expires_after_a_day(
    make_upload: MakeUpload, settings: Settings, database_engine: Engine
):
    unknown, fresh = make_upload("unknown", 25, offset=0), make_upload("created", 23, offset=0)
    assert retention.remove_leftovers()["expired"] == 1
    assert (rows(database_engine, unknown), part(settings, unknown).exists()) == ((0, 0), False)
    assert (rows(database_engine, fresh), part(settings, fresh).exists()) == ((1, 1), True)


@pytest.mark.parametrize(("keep_hours", "offset", "hours"), [(168, 0, 24), (168, 1, 168), (2, 0, 2), (2, 1, 2)])
def test_answered_expiry_is_that_of_the_database(
    make_upload: MakeUpload, database_engine: Engine, keep_hours: int, offset: int, hours: int
):
    keep = timedelta(hours=keep_hours)
    for age in (hours - 1, hours + 1):
        token = token_of(database_engine, make_upload(f"{keep_hours}-{offset}-{age}", age, offset))
        snapshot = upload_progress.read(database_engine, token, keep)
        assert snapshot is not None
        assert snapshot.is_expired == (age > hours)
        assert expiry(snapshot.updated, snapshot.offset, keep) - snapshot.updated == timedelta(hours=hours)


def test_upload_that_is_being_written_is_kept(make_upload: MakeUpload, settings: Settings, database_engine: Engine):
    upload = make_upload("writing", 169)
    with append.locked(settings.volume_path / upload.name, 0) as file:
        assert file is not None
        assert retention.remove_leftovers()["kept"] == 1
        assert rows(database_engine, upload) == (1, 1)
    assert retention.remove_leftovers()["expired"] == 1


def test_record_of_a_complete_upload_is_removed_and_its_bundle_is_kept(
    make_upload: MakeUpload, settings: Settings, database_engine: Engine
):
    upload = make_upload("complete", 169)
    jobs.create(database_engine, Received(upload.job_id, Kind.INGEST, "ada", upload.name, 5))
    part(settings, upload).rename(settings.volume_path / upload.name)
    assert retention.remove_leftovers()["expired"] == 1
    assert rows(database_engine, upload) == (0, 0)
    assert (settings.volume_path / upload.name).exists()


def test_expired_upload_is_answered_as_unknown(make_upload: MakeUpload, database_engine: Engine):
    token = token_of(database_engine, make_upload("answered", 169))
    snapshot = upload_progress.read(database_engine, token, timedelta(hours=Settings().keep_partial_hours))
    assert snapshot is not None
    assert snapshot.is_expired
