"""Bundles that arrive in several requests: their rows from the creation of the upload until some time after its end.

Called by `api.receiving.resumable`, which holds the lock of the partial file while it writes, and by retention. As long as
the upload has no job, `ingest.ledger.uploads` has a row of the same file, which reserves its space. Both rows are locked in
the same order: first that of the file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.orm import Session

from ingest import spool
from ingest.errors.types import UploadAbandoned
from ingest.ledger import idempotency_keys, uploads
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.idempotency_keys import KeyClaim
from ingest.ledger.models import ResumableUpload, Upload
from ingest.ledger.spool_reservations import reserve_space
from ingest.ledger.user_shares import UserShare
from ingest.spool import Announced, append
from ingest.system.failpoints import failpoint

BATCH = 500


@dataclass(frozen=True)
class UploadSnapshot:
    """A resumable upload as it was read; sizes and offsets are in bytes, `ingest.ledger.models` describes the fields."""

    token: str
    user: str
    spool_name: str
    job_id: int
    length: int | None
    offset: int
    stop_requests: int
    repr_digest: str | None
    updated: datetime
    completed: datetime | None
    is_expired: bool

    @property
    def has_job(self) -> bool:
        """Whether the job of the upload is committed."""
        return self.completed is not None

    @property
    def is_whole(self) -> bool:
        """Whether the last byte is on the disk."""
        return self.offset == self.length


def create(
    engine: Engine,
    folder: Path,
    announced: Announced,
    token: str,
    repr_digest: str | None,
    kept_free: int,
    share: UserShare,
    key: KeyClaim | None = None,
) -> None:
    """Commit a new upload, which reserves its space and claims its idempotency key, then create its file.

    Raises IdempotencyKeyInUse, DatabaseUnavailable, SpoolFull, UserLimit, SpoolUnavailable.
    """
    with transaction(engine) as session:
        uploads.announce_in(session, folder, announced, kept_free, share, token)
        session.add(
            ResumableUpload(
                token=token,
                user=announced.user,
                spool_name=announced.name,
                job_id=announced.job_id,
                length=announced.size,
                repr_digest=repr_digest,
            )
        )
        if key is not None:
            idempotency_keys.claim(session, key, announced.name)
    # A process that dies here leaves an upload without a file, whose address no client knows: it expires.
    failpoint("upload.created", announced.job_id)
    append.create(folder / announced.name, announced.size)


def read(engine: Engine, token: str, keep: timedelta) -> UploadSnapshot | None:
    """Read an upload; None if there is none. An upload expires `keep` after its last byte."""
    expired = (ResumableUpload.updated < func.now() - keep).label("is_expired")
    with transaction(engine) as session:
        row = session.execute(select(ResumableUpload, expired).where(ResumableUpload.token == token)).one_or_none()
        return None if row is None else _snapshot(row[0], is_expired=row.is_expired)


def token_of(engine: Engine, spool_name: str) -> str | None:
    """Return the token of the upload with this file; None if the file was sent in one request, or its record expired."""
    with transaction(engine) as session:
        return session.scalar(select(ResumableUpload.token).where(ResumableUpload.spool_name == spool_name))


def request_stop(engine: Engine, token: str) -> None:
    """Make the request that writes an upload stop; it notices within a second or two."""
    with transaction(engine) as session:
        stop = ResumableUpload.stop_requests + 1
        session.execute(update(ResumableUpload).where(ResumableUpload.token == token).values(stop_requests=stop))


def stop_requests(engine: Engine, token: str) -> int:
    """Return how many requests have wanted to continue an upload; raises UploadAbandoned if it is gone."""
    with transaction(engine) as session:
        found = session.scalar(select(ResumableUpload.stop_requests).where(ResumableUpload.token == token))
    if found is None:
        raise UploadAbandoned("the upload was removed in the meantime; create a new one")
    return found


def record(engine: Engine, seen: UploadSnapshot, offset: int, length: int | None = None) -> UploadSnapshot:
    """Commit a durable offset, and the length if this was the last byte; return the upload as it is now.

    `seen` is what the process last read or recorded. Raises UploadAbandoned if the upload changed or is gone: the lock of
    its file excludes that, unless the file system has lost it.
    """
    with transaction(engine) as session:
        return _change(session, seen, position=offset, length=seen.length if length is None else length)


def declare_length(
    engine: Engine, folder: Path, seen: UploadSnapshot, length: int, kept_free: int, share: UserShare
) -> UploadSnapshot:
    """Commit the length of an upload that was created without one, which reserves the rest of its space.

    Raises DatabaseUnavailable, SpoolFull, UserSpaceLimit, SpoolUnavailable, UploadAbandoned.
    """
    rest = Announced(seen.job_id, seen.spool_name, length - seen.offset, seen.user)
    with transaction(engine) as session:
        reserve_space(session, folder, rest, kept_free, share.space)
        session.execute(update(Upload).where(Upload.token == seen.token).values(size=length))
        return _change(session, seen, length=length)


def remove(
    engine: Engine,
    folder: Path,
    token: str,
    kind: EventKind,
    code: str | None,
    text: str,
    *,
    is_due: "IsDue | None" = None,
) -> bool:
    """Remove an upload that has no job yet, and its file, with an event; return False if it has a job or is gone.

    `is_due` decides in the transaction, with both rows locked, whether the upload is removed. Raises OSError,
    DatabaseUnavailable.
    """
    with transaction(engine) as session:
        file = session.scalars(select(Upload).where(Upload.token == token).with_for_update()).one_or_none()
        row = session.get(ResumableUpload, token, with_for_update=True)
        if row is None or file is None or (is_due and not is_due(session, row)):
            return False
        uploads.remove_in(session, folder, file, kind, code, text)
        session.delete(row)
    return True


IsDue = Callable[[Session, ResumableUpload], bool]


def expired(engine: Engine, keep: timedelta) -> Iterator[str]:
    """Return the tokens of the uploads whose last byte came longer than `keep` ago, in order."""
    last = ""
    old = ResumableUpload.updated < func.now() - keep
    while True:
        query = select(ResumableUpload.token).where(ResumableUpload.token > last, old)
        with transaction(engine) as session:
            batch = list(session.scalars(query.order_by(ResumableUpload.token).limit(BATCH)))
        yield from batch
        if len(batch) < BATCH:
            return
        last = batch[-1]


def remove_expired(engine: Engine, folder: Path, token: str, keep: timedelta) -> bool:
    """Remove an expired upload unless a request is writing it; return whether it was removed.

    Of an upload that has a job only the row is removed. Raises OSError, DatabaseUnavailable.
    """
    old = ResumableUpload.updated < func.now() - keep

    def is_due(session: Session, row: ResumableUpload) -> bool:
        is_old = session.scalar(select(old).where(ResumableUpload.token == token))
        return bool(is_old) and not spool.is_being_written(folder / row.spool_name)

    text = f"no byte arrived for {keep.total_seconds() / 3600:g} hours"
    if remove(engine, folder, token, EventKind.UPLOAD_ABANDONED, None, text, is_due=is_due):
        return True
    with transaction(engine) as session:
        ended = delete(ResumableUpload).where(
            ResumableUpload.token == token, old, ResumableUpload.completed.is_not(None)
        )
        return session.scalar(ended.returning(ResumableUpload.token)) is not None


def _change(session: Session, seen: UploadSnapshot, **values: object) -> UploadSnapshot:
    row = ResumableUpload
    unchanged = row.token == seen.token, row.position == seen.offset, row.completed.is_(None)
    changed = update(row).where(*unchanged).values(**values, updated=func.now()).returning(row)
    found = session.scalars(changed).one_or_none()
    if found is None:
        raise UploadAbandoned("the upload was removed or continued in the meantime; ask for its offset")
    return _snapshot(found, is_expired=False)


def _snapshot(row: ResumableUpload, *, is_expired: bool) -> UploadSnapshot:
    return UploadSnapshot(
        token=row.token,
        user=row.user,
        spool_name=row.spool_name,
        job_id=row.job_id,
        length=row.length,
        offset=row.position,
        stop_requests=row.stop_requests,
        repr_digest=row.repr_digest,
        updated=row.updated,
        completed=row.completed,
        is_expired=is_expired,
    )
