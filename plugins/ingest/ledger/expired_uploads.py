"""Resumable uploads that have expired. Called by retention.

`ingest.ledger.resumable_uploads` describes their rows.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from ingest import spool
from ingest.ledger import resumable_uploads
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.models import ResumableUpload
from ingest.ledger.upload_expiry import has_expired

BATCH = 500


def expired(engine: Engine, keep: timedelta) -> Iterator[str]:
    """Return the tokens of the expired uploads, in order; an upload is kept for `keep` after its last byte."""
    last = ""
    old = has_expired(keep)
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
    old = has_expired(keep)

    def is_due(session: Session, row: ResumableUpload) -> bool:
        is_old = session.scalar(select(old).where(ResumableUpload.token == token))
        return bool(is_old) and not spool.is_being_written(folder / row.spool_name)

    text = "the upload has expired: no byte arrived for a long time"
    if resumable_uploads.remove(engine, folder, token, EventKind.UPLOAD_ABANDONED, None, text, is_due=is_due):
        return True
    with transaction(engine) as session:
        ended = delete(ResumableUpload).where(
            ResumableUpload.token == token, old, ResumableUpload.completed.is_not(None)
        )
        return session.scalar(ended.returning(ResumableUpload.token)) is not None
