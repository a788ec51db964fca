"""Bundles that arrive in several requests: their rows from the creation of the upload until some time after its end.

Called by `api.receiving.resumable`, which holds the lock of the partial file while it writes, by
`api.receiving.idempotency` (`of_file`), and by `ingest.ledger.expired_uploads`. As long as the upload has no job,
`ingest.ledger.uploads` has a row of the same file, which reserves its space. Both rows are locked in the same order: first
that of the file.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, func, not_, select, update
from sqlalchemy.orm import Session

from ingest.errors.types import DatabaseUnavailable, IngestError, UploadAbandoned
from ingest.ledger import idempotency_keys, uploads
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.idempotency_keys import KeyClaim
from ingest.ledger.models import ResumableUpload, Upload
from ingest.ledger.spool_reservations import reserve_space
from ingest.ledger.upload_expiry import has_expired
from ingest.ledger.user_shares import UserShare
from ingest.spool import Announced, append
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import to_one_line

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Declaration:
    """What a client says about an upload when it creates it; `ingest.ledger.models` describes the fields."""

    repr_digest: str | None = None
    metadata: str | None = None
    ends_at_length: bool = True


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
    declared: Declaration
    updated: datetime
    completed: datetime | None
    is_expired: bool

    @property
    def has_job(self) -> bool:
        """Whether the job of the upload is committed."""
        return self.completed is not None

    @property
    def is_whole(self) -> bool:
        """Whether the last byte is on the disk, and the client has said that it is the last one."""
        return self.offset == self.length and self.declared.ends_at_length


def create(
    engine: Engine,
    folder: Path,
    announced: Announced,
    token: str,
    declared: Declaration,
    kept_free: int,
    share: UserShare,
    key: KeyClaim | None = None,
) -> None:
    """Commit a new upload, which reserves its space and claims its idempotency key, then create its file.

    An upload whose file cannot be created is removed again. Raises IdempotencyKeyInUse, DatabaseUnavailable, SpoolFull,
    UserLimit, SpoolUnavailable.
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
                repr_digest=declared.repr_digest,
                upload_metadata=declared.metadata,
                ends_at_length=declared.ends_at_length,
            )
        )
        if key is not None:
            idempotency_keys.claim(session, key, announced.name)
    # A process that dies here leaves an upload without a file. It expires, or a client that sends its key again finds it.
    failpoint("upload.created", announced.job_id)
    try:
        create_file(engine, folder, token)
    except BaseException as error:
        discard(engine, folder, token, error)
        raise


def create_file(engine: Engine, folder: Path, token: str) -> None:
    """Create the file of an upload that has no byte yet, unless it exists or the upload is gone.

    Raises DatabaseUnavailable, SpoolFull, SpoolUnavailable.
    """
    with transaction(engine) as session:
        # Locked, so that no process removes the upload in between, and the file stays.
        file = session.scalars(select(Upload).where(Upload.token == token).with_for_update()).one_or_none()
        if file is not None:
            append.create(folder / file.spool_name, file.size)


def discard(engine: Engine, folder: Path, token: str, error: BaseException) -> None:
    """Remove an upload whose creation failed, unless it has a job; if that fails too, the upload expires."""
    code = error.code if isinstance(error, IngestError) else None
    try:
        remove(engine, folder, token, EventKind.UPLOAD_REFUSED, code, to_one_line(str(error)))
    except (OSError, DatabaseUnavailable) as fault:
        logger.warning("an upload that was not created stays until retention removes it: %s", fault)


def read(engine: Engine, token: str, keep: timedelta) -> UploadSnapshot | None:
    """Read an upload; None if there is none. An upload is kept for `keep` after its last byte."""
    expired = has_expired(keep).label("is_expired")
    with transaction(engine) as session:
        row = session.execute(select(ResumableUpload, expired).where(ResumableUpload.token == token)).one_or_none()
        return None if row is None else _snapshot(row[0], is_expired=row.is_expired)


def of_file(engine: Engine, spool_name: str, keep: timedelta) -> UploadSnapshot | None:
    """Read the upload with this file; None if the file was sent in one request, or the upload has expired."""
    with transaction(engine) as session:
        is_of_file = ResumableUpload.spool_name == spool_name, not_(has_expired(keep))
        row = session.scalars(select(ResumableUpload).where(*is_of_file)).one_or_none()
        return None if row is None else _snapshot(row, is_expired=False)


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


def record(
    engine: Engine, seen: UploadSnapshot, offset: int, length: int | None, *, ends_at_length: bool
) -> UploadSnapshot:
    """Commit a durable offset, the length if this was the last byte, and whether the bundle ends at its length.

    `seen` is what the process last read or recorded; the result is the upload as it is now. Raises UploadAbandoned if the
    upload changed or is gone: the lock of its file excludes that, unless the file system has lost it.
    """
    with transaction(engine) as session:
        known = seen.length if length is None else length
        return _change(session, seen, position=offset, length=known, ends_at_length=ends_at_length)


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
        declared=Declaration(row.repr_digest, row.upload_metadata, row.ends_at_length),
        updated=row.updated,
        completed=row.completed,
        is_expired=is_expired,
    )
