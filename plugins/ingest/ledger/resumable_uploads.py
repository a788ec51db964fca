"""Bundles that arrive in several requests: their rows from the creation of the upload until some time after its end.

Called by `api.receiving.resumable` and by `ingest.ledger.expired_uploads`; `ingest.ledger.upload_progress` records the bytes
that arrive. As long as the upload has no job, `ingest.ledger.uploads` has a row of the same file, which reserves its space.
Both rows are locked in the same order: first that of the file.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from ingest.errors.types import DatabaseUnavailable, IngestError
from ingest.ledger import idempotency_keys, upload_progress, uploads
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.idempotency_keys import KeyClaim
from ingest.ledger.models import ResumableUpload, Upload
from ingest.ledger.spool_reservations import reserve_space
from ingest.ledger.upload_progress import Declaration, UploadSnapshot
from ingest.ledger.user_shares import UserShare
from ingest.spool import Announced, append
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import to_one_line

logger = logging.getLogger(__name__)


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
                traceparent=declared.traceparent,
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
        return upload_progress.change(session, seen, length=length)


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
