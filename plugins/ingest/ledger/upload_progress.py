"""The progress of a resumable upload: its row is read and changed while its bytes arrive, each time in one statement.

Called for each part by `api.receiving.resumable`, which holds the lock of the partial file while it writes, by
`api.receiving.idempotency` (`of_file`), and by `ingest.ledger.resumable_uploads`, which creates and removes uploads.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Interval, Row, bindparam, func, select, update
from sqlalchemy.orm import Session

from ingest.errors.types import UploadAbandoned
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.database import autocommit
from ingest.ledger.models import ResumableUpload
from ingest.ledger.upload_expiry import has_expired

# On the table instead of its class, because the class costs more time than the statement takes.
TABLE = ResumableUpload.__table__
COLUMNS = TABLE.c
IS_TOKEN = COLUMNS.token == bindparam("of_token")
READ = select(TABLE, has_expired(bindparam("keep", type_=Interval)).label("is_expired"))
READ_TOKEN = CompiledStatement(READ.where(IS_TOKEN))
READ_FILE = CompiledStatement(READ.where(COLUMNS.spool_name == bindparam("of_file")))
READ_STOP_REQUESTS = CompiledStatement(select(COLUMNS.stop_requests).where(IS_TOKEN))
REQUEST_STOP = CompiledStatement(
    update(ResumableUpload).where(IS_TOKEN).values(stop_requests=COLUMNS.stop_requests + 1)
)
CHANGE = CompiledStatement(
    update(ResumableUpload)
    .where(IS_TOKEN, COLUMNS.position == bindparam("seen"), COLUMNS.completed.is_(None))
    .values(
        position=bindparam("offset"),
        length=bindparam("new_length"),
        ends_at_length=bindparam("ends"),
        updated=func.now(),
    )
    .returning(COLUMNS.updated)
)


@dataclass(frozen=True)
class Declaration:
    """What the request that creates an upload says about it; `ingest.ledger.models` describes the fields."""

    repr_digest: str | None = None
    metadata: str | None = None
    ends_at_length: bool = True
    traceparent: str | None = None


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


def read(engine: Engine, token: str, keep: timedelta) -> UploadSnapshot | None:
    """Read an upload; None if there is none. An upload is kept for `keep` after its last byte."""
    with autocommit(engine) as connection:
        row = READ_TOKEN.execute(connection, of_token=token, keep=keep).one_or_none()
    return None if row is None else _snapshot(row)


def of_file(engine: Engine, spool_name: str, keep: timedelta) -> UploadSnapshot | None:
    """Read the upload with this file; None if the file was sent in one request, or the upload has expired."""
    with autocommit(engine) as connection:
        row = READ_FILE.execute(connection, of_file=spool_name, keep=keep).one_or_none()
    return None if row is None or row.is_expired else _snapshot(row)


def request_stop(engine: Engine, token: str) -> None:
    """Make the request that writes an upload stop; it notices within a second or two."""
    with autocommit(engine) as connection:
        REQUEST_STOP.execute(connection, of_token=token)


def stop_requests(engine: Engine, token: str) -> int:
    """Return how many requests have wanted to continue an upload; raises UploadAbandoned if it is gone."""
    with autocommit(engine) as connection:
        found: int | None = READ_STOP_REQUESTS.execute(connection, of_token=token).scalar()
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
    declared = replace(seen.declared, ends_at_length=ends_at_length)
    with autocommit(engine) as connection:
        return change(
            connection, seen, offset=offset, length=seen.length if length is None else length, declared=declared
        )


def change(connection: Connection | Session, seen: UploadSnapshot, **values: Any) -> UploadSnapshot:  # noqa: ANN401
    """Change `offset`, `length` or `declared` in the caller's transaction; returns and raises as `record`."""
    changed = replace(seen, **values)
    parameters = {
        "of_token": seen.token,
        "seen": seen.offset,
        "offset": changed.offset,
        "new_length": changed.length,
        "ends": changed.declared.ends_at_length,
    }
    updated = CHANGE.execute(connection, **parameters).scalar_one_or_none()
    if updated is None:
        raise UploadAbandoned("the upload was removed or continued in the meantime; ask for its offset")
    return replace(changed, updated=updated)


def _snapshot(row: Row[Any]) -> UploadSnapshot:
    return UploadSnapshot(
        token=row.token,
        user=row.submitted_by,
        spool_name=row.spool_name,
        job_id=row.job_id,
        length=row.length,
        offset=row.position,
        stop_requests=row.stop_requests,
        declared=Declaration(row.repr_digest, row.metadata, row.ends_at_length, row.traceparent),
        updated=row.updated,
        completed=row.completed,
        is_expired=row.is_expired,
    )
