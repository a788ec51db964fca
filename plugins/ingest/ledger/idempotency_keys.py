"""The keys with which clients mark an upload that they may send again (`Idempotency-Key`): one job for each key of a user.

Called by `api.receiving.idempotency` (`find`), by `ingest.ledger.uploads` (`claim`, `free`) and by `ingest.ledger.jobs`
(`complete`). A key belongs to one upload, and each of its changes is in the transaction of a change of that upload:

- The upload is announced: the key is inserted. If the upload that it belonged to has died, the new one replaces it.
- The upload becomes a job: the key gets the job and the payload, and never changes again.
- The upload is removed without a job: the key is deleted.

So a process that dies at any point leaves a key whose upload exists or whose job does, and retention, which removes the
upload, frees the key. Two requests with one key cannot both create a job: the second transaction finds that the key no
longer belongs to its upload, and fails.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ingest.errors.types import IdempotencyKeyInUse
from ingest.ledger.database import transaction
from ingest.ledger.models import IdempotencyKey, Upload
from ingest.states.stages import Kind

# An upload that was announced more recently may be about to create its file.
STARTING = timedelta(seconds=60)


@dataclass(frozen=True)
class KeyClaim:
    """A request's claim on a key of a user; `dead_upload` is the upload that the key belonged to, if there is one."""

    user: str
    key: str
    kind: Kind
    dead_upload: str | None = None


@dataclass(frozen=True)
class PendingKey:
    """A key whose upload is no job yet; `is_starting` if that was announced less than a minute ago."""

    spool_name: str
    is_starting: bool


@dataclass(frozen=True)
class CompletedKey:
    """A key whose upload became a job, with the digest and the size in bytes of the body."""

    job_id: int
    kind: Kind
    sha256: bytes
    size: int
    spool_name: str


def find(engine: Engine, user: str, key: str) -> PendingKey | CompletedKey | None:
    """Return a key of a user; raises DatabaseUnavailable."""
    row = IdempotencyKey
    is_starting = exists().where(Upload.spool_name == row.spool_name, Upload.started > func.now() - STARTING)
    with transaction(engine) as session:
        found = session.execute(select(row, is_starting).where(row.user == user, row.key == key)).one_or_none()
    if found is None:
        return None
    stored, starting = found
    if stored.job_id is None:
        return PendingKey(stored.spool_name, starting)
    # Written together with the job.
    assert stored.sha256 is not None
    assert stored.size is not None
    return CompletedKey(stored.job_id, Kind(stored.kind), stored.sha256, stored.size, stored.spool_name)


def claim(session: Session, wanted: KeyClaim, spool_name: str) -> None:
    """Claim a key in the transaction that announces an upload; raises IdempotencyKeyInUse."""
    row = IdempotencyKey
    values = {"kind": wanted.kind, "spool_name": spool_name}
    if wanted.dead_upload is None:
        inserted = insert(row).values(user=wanted.user, key=wanted.key, **values).on_conflict_do_nothing()
        changed = session.execute(inserted.returning(row.spool_name)).first()
    else:
        same = row.user == wanted.user, row.key == wanted.key, row.spool_name == wanted.dead_upload
        replaced = update(row).where(*same, row.job_id.is_(None)).values(**values)
        changed = session.execute(replaced.returning(row.spool_name)).first()
    if changed is None:
        raise in_use()


def complete(session: Session, spool_name: str, job_id: int, sha256: bytes, size: int) -> None:
    """Let a key name the job, in the transaction that commits it; raises IdempotencyKeyInUse."""
    row = IdempotencyKey
    owned = update(row).where(row.spool_name == spool_name, row.job_id.is_(None))
    named = owned.values(job_id=job_id, sha256=sha256, size=size).returning(row.spool_name)
    if session.execute(named).first() is None:
        # This request made no progress for so long that another one with its key replaced it.
        raise in_use()


def is_keyed(engine: Engine, spool_name: str) -> bool:
    """Return whether an upload without a job has a key; raises DatabaseUnavailable."""
    row = IdempotencyKey
    with transaction(engine) as session:
        return session.scalar(select(row.key).where(row.spool_name == spool_name, row.job_id.is_(None))) is not None


def free(session: Session, spool_name: str) -> None:
    """Delete the key of an upload without a job, in the transaction that removes the upload."""
    row = IdempotencyKey
    session.execute(delete(row).where(row.spool_name == spool_name, row.job_id.is_(None)))


def in_use() -> IdempotencyKeyInUse:
    """Return the error for a request whose key another request is using."""
    return IdempotencyKeyInUse("another request with this Idempotency-Key is in progress; send it again later")
