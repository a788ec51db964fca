"""Keys of uploads: one job for each key, whichever of two requests commits first, and whatever dies in between."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, select, update

from ingest.errors.types import IdempotencyKeyInUse, JobExists, SpoolFull, UnknownJob
from ingest.ledger import idempotency_keys, jobs, uploads
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.idempotency_keys import CompletedKey, KeyClaim, PendingKey
from ingest.ledger.jobs import Received
from ingest.ledger.models import IdempotencyKey, Job, Upload
from ingest.services import Services
from ingest.spool import Announced
from ingest.states.stages import Kind

USER = "ada"
SHA256 = bytes(range(32))
numbers = count(1)
Announce = Callable[[KeyClaim | None], Received]


@pytest.fixture
def key() -> str:
    return f"key {next(numbers)}"


@pytest.fixture
def announce(database_engine: Engine, services: Services, tmp_path: Path) -> Announce:
    """Return a function that announces an upload with a key, and returns what its job would be."""

    def make(claim: KeyClaim | None) -> Received:
        job_id = services.uniqueid.allocate("upload_job", 1)[0]
        name = f"{job_id}-1.tar"
        uploads.announce(database_engine, tmp_path, Announced(job_id, name, 1, USER), key=claim)
        return Received(job_id, Kind.INGEST, USER, name, 1)

    return make


def claim_of(key: str, dead_upload: str | None = None) -> KeyClaim:
    return KeyClaim(USER, key, Kind.INGEST, dead_upload)


def exists(engine: Engine, received: Received) -> bool:
    try:
        jobs.read(engine, received.job_id)
    except UnknownJob:
        return False
    return True


def make_older(engine: Engine, received: Received, age: timedelta) -> None:
    with transaction(engine) as session:
        session.execute(
            update(Upload).where(Upload.spool_name == received.spool_name).values(started=Upload.started - age)
        )


def test_unknown_key_has_nothing(database_engine: Engine, key: str):
    assert idempotency_keys.find(database_engine, USER, key) is None


def test_key_belongs_to_its_upload_until_that_is_a_job(database_engine: Engine, announce: Announce, key: str):
    received = announce(claim_of(key))
    assert idempotency_keys.find(database_engine, USER, key) == PendingKey(received.spool_name, is_starting=True)
    jobs.create(database_engine, received, SHA256)
    found = idempotency_keys.find(database_engine, USER, key)
    assert found == CompletedKey(received.job_id, Kind.INGEST, SHA256, 1, received.spool_name)


def test_upload_starts_for_a_minute(database_engine: Engine, announce: Announce, key: str):
    received = announce(claim_of(key))
    make_older(database_engine, received, idempotency_keys.STARTING)
    assert idempotency_keys.find(database_engine, USER, key) == PendingKey(received.spool_name, is_starting=False)


def test_second_claim_on_a_key_announces_nothing(database_engine: Engine, announce: Announce, key: str):
    first = announce(claim_of(key))
    with pytest.raises(IdempotencyKeyInUse):
        announce(claim_of(key))
    with transaction(database_engine) as session:
        names = session.scalars(select(Upload.spool_name).where(Upload.job_id >= first.job_id)).all()
    assert names == [first.spool_name]


def test_claim_on_a_key_that_has_a_job_fails(database_engine: Engine, announce: Announce, key: str):
    first = announce(claim_of(key))
    jobs.create(database_engine, first, SHA256)
    for dead_upload in (None, first.spool_name):
        with pytest.raises(IdempotencyKeyInUse):
            announce(claim_of(key, dead_upload))


def test_upload_that_is_refused_claims_no_key(database_engine: Engine, tmp_path: Path, key: str):
    upload = Announced(1, "too-large.tar", 2**60, USER)
    with pytest.raises(SpoolFull):
        uploads.announce(database_engine, tmp_path, upload, key=claim_of(key))
    assert idempotency_keys.find(database_engine, USER, key) is None


class TestReplacedUpload:
    def test_only_the_newer_upload_becomes_a_job(self, database_engine: Engine, announce: Announce, key: str):
        older = announce(claim_of(key))
        newer = announce(claim_of(key, older.spool_name))
        with pytest.raises(IdempotencyKeyInUse):
            jobs.create(database_engine, older, SHA256)
        jobs.create(database_engine, newer, SHA256)
        assert (exists(database_engine, older), exists(database_engine, newer)) == (False, True)

    def test_older_upload_that_fails_first_keeps_its_row_for_retention(
        self, database_engine: Engine, announce: Announce, key: str
    ):
        older = announce(claim_of(key))
        announce(claim_of(key, older.spool_name))
        with pytest.raises(IdempotencyKeyInUse):
            jobs.create(database_engine, older, SHA256)
        assert uploads.is_announced(database_engine, older.spool_name)

    def test_only_one_of_two_replaces_a_dead_upload(self, database_engine: Engine, announce: Announce, key: str):
        dead = announce(claim_of(key))
        newer = announce(claim_of(key, dead.spool_name))
        with pytest.raises(IdempotencyKeyInUse):
            announce(claim_of(key, dead.spool_name))
        jobs.create(database_engine, newer, SHA256)

    def test_removal_of_the_dead_upload_keeps_the_key(
        self, database_engine: Engine, tmp_path: Path, announce: Announce, key: str
    ):
        dead = announce(claim_of(key))
        newer = announce(claim_of(key, dead.spool_name))
        assert uploads.remove(database_engine, tmp_path, dead.spool_name, EventKind.UPLOAD_ABANDONED)
        assert idempotency_keys.find(database_engine, USER, key) == PendingKey(newer.spool_name, is_starting=True)


class TestRemovedUpload:
    def test_removal_frees_the_key(self, database_engine: Engine, tmp_path: Path, announce: Announce, key: str):
        received = announce(claim_of(key))
        assert uploads.remove(database_engine, tmp_path, received.spool_name, EventKind.UPLOAD_REFUSED)
        assert idempotency_keys.find(database_engine, USER, key) is None

    def test_retention_frees_the_key(self, database_engine: Engine, tmp_path: Path, announce: Announce, key: str):
        received = announce(claim_of(key))
        age = timedelta(hours=1)
        make_older(database_engine, received, 2 * age)
        assert uploads.remove_abandoned(database_engine, tmp_path, received.spool_name, age)
        assert idempotency_keys.find(database_engine, USER, key) is None

    def test_removal_of_a_bundle_that_was_replaced_keeps_the_key_of_its_job(
        self, database_engine: Engine, tmp_path: Path, announce: Announce, key: str
    ):
        received = announce(claim_of(key))
        jobs.create(database_engine, received, SHA256)
        with transaction(database_engine) as session:
            uploads.release(session, received.spool_name, received.job_id, received.size)
        uploads.remove(database_engine, tmp_path, received.spool_name, EventKind.BUNDLE_REMOVED)
        assert isinstance(idempotency_keys.find(database_engine, USER, key), CompletedKey)


def test_key_is_kept_as_long_as_its_job(database_engine: Engine, announce: Announce, key: str):
    received = announce(claim_of(key))
    jobs.create(database_engine, received, SHA256)
    with transaction(database_engine) as session:
        session.execute(delete(Job).where(Job.id == received.job_id))
    assert idempotency_keys.find(database_engine, USER, key) is None


def test_repeated_commit_changes_nothing(database_engine: Engine, announce: Announce, key: str):
    received = announce(claim_of(key))
    jobs.create(database_engine, received, SHA256)
    with pytest.raises(JobExists):
        jobs.create(database_engine, received, bytes(32))
    found = idempotency_keys.find(database_engine, USER, key)
    assert isinstance(found, CompletedKey)
    assert found.sha256 == SHA256


def test_upload_without_a_key_leaves_no_row(database_engine: Engine, announce: Announce):
    received = announce(None)
    jobs.create(database_engine, received)
    with transaction(database_engine) as session:
        owned = select(IdempotencyKey).where(IdempotencyKey.spool_name == received.spool_name)
        assert session.scalars(owned).all() == []
