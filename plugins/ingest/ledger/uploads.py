"""The files that are being received into the spool: each has a row here before its first byte, until a job's row names it.

Called by the API and by `retry --path` (`announced`), by `ingest.ledger.resumable_uploads`, by `ingest.ledger.jobs` when a
job claims its file (`claim`), and by retention (`abandoned`, `remove_abandoned`).

- To remove a file, a process locks its row, deletes the file, then deletes the row.
- To commit a job, a process deletes the row in the same transaction.

So one of the two finds that the row is gone, and a process that dies at any point leaves a row or a job that names the
file. A file that neither names belongs to another service, because two services may share a folder.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.orm import Session

from ingest import spool
from ingest.errors.types import DatabaseUnavailable, IngestError, UploadAbandoned, UserJobsLimit
from ingest.ledger import idempotency_keys, user_jobs
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.idempotency_keys import KeyClaim
from ingest.ledger.models import ResumableUpload, Upload
from ingest.ledger.spool_reservations import reserve_space
from ingest.ledger.user_shares import NO_LIMITS, UserShare
from ingest.spool import Announced
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import to_one_line

logger = logging.getLogger(__name__)
BATCH = 500


@contextmanager
def announced(
    engine: Engine,
    folder: Path,
    upload: Announced,
    kept_free: int = 0,
    share: UserShare = NO_LIMITS,
    key: KeyClaim | None = None,
) -> Iterator[int]:
    """Announce a file that the `with` block receives and makes the bundle of a job.

    `kept_free` bytes of the spool's disk are reserved for no upload. Yields the bytes that are for other users, because
    they exceed the user's `share`. An exception in the block removes the file and frees the `key`, unless a job has claimed
    the file. Raises IdempotencyKeyInUse, DatabaseUnavailable, SpoolFull, UserLimit, SpoolUnavailable.
    """
    kept_for_others = announce(engine, folder, upload, kept_free, share, key)
    failpoint("receive.allocated", upload.job_id)
    try:
        yield kept_for_others
    except BaseException as error:
        _remove_refused(engine, folder, upload, error)
        raise


def announce(
    engine: Engine,
    folder: Path,
    upload: Announced,
    kept_free: int = 0,
    share: UserShare = NO_LIMITS,
    key: KeyClaim | None = None,
) -> int:
    """Commit the row of a file that is about to be received, which reserves its space, and claim its idempotency key.

    A file of unknown size reserves nothing, but is refused when no space is left. Returns and raises as `announced`.
    """
    with transaction(engine) as session:
        kept_for_others = announce_in(session, folder, upload, kept_free, share)
        if key is not None:
            # After the space, whose lock would otherwise be awaited by a transaction that others wait for.
            idempotency_keys.claim(session, key, upload.name)
    return kept_for_others


def announce_in(
    session: Session, folder: Path, upload: Announced, kept_free: int, share: UserShare, token: str | None = None
) -> int:
    """Announce a file in the caller's transaction; `token` is that of the resumable upload that it belongs to."""
    kept_for_others = reserve_space(session, folder, upload, kept_free, share.space)
    _check_number_of_jobs(session, upload, share)
    row = Upload(spool_name=upload.name, job_id=upload.job_id, size=upload.size, user=upload.user, token=token)
    session.add(row)
    return kept_for_others


def check_space(engine: Engine, folder: Path, upload: Announced, kept_free: int, share: float) -> int:
    """Return the bytes that an announced file of unknown size leaves to other users; raises as `announced`."""
    with transaction(engine) as session:
        return reserve_space(session, folder, upload, kept_free, share)


def _check_number_of_jobs(session: Session, upload: Announced, share: UserShare) -> None:
    if share.jobs is None or upload.user is None:
        return
    unfinished = user_jobs.count_unfinished(session, upload.user)
    if unfinished >= share.jobs:
        raise UserJobsLimit(
            f"you have {unfinished} unfinished jobs and uploads, as many as one user may have; send it again when some of "
            "them have ended"
        )


def is_announced(engine: Engine, name: str) -> bool:
    """Return whether a file is still waiting for its job; raises DatabaseUnavailable."""
    with transaction(engine) as session:
        return session.get(Upload, name) is not None


def claim(session: Session, name: str, job_id: int) -> None:
    """Delete a file's row in the transaction that makes a job name the file; raises UploadAbandoned.

    A resumable upload then names the job.
    """
    claimed = session.execute(delete(Upload).where(Upload.spool_name == name).returning(Upload.token)).first()
    if claimed is None:
        raise UploadAbandoned("the upload took so long that the received part was removed; send it again")
    if claimed.token is not None:
        completed = update(ResumableUpload).where(ResumableUpload.token == claimed.token)
        session.execute(completed.values(job_id=job_id, completed=func.now()))


def release(session: Session, name: str, job_id: int, size: int) -> None:
    """Add a row for a file in the transaction after which its job no longer names it; `remove` follows."""
    session.add(Upload(spool_name=name, job_id=job_id, size=size))


def remove(engine: Engine, folder: Path, name: str, kind: EventKind, code: str | None = None, text: str = "") -> bool:
    """Remove a file that no job names, with an event; return False when a job has claimed it.

    Raises OSError, DatabaseUnavailable.
    """
    with transaction(engine) as session:
        upload = session.get(Upload, name, with_for_update=True)
        if upload is None:
            return False
        remove_in(session, folder, upload, kind, code, text)
    return True


def abandoned(engine: Engine, age: timedelta) -> Iterator[str]:
    """Return the names of the files that were announced longer than `age` ago and that no job has claimed, in order."""
    last = ""
    while batch := _names_after(engine, age, last):
        yield from batch
        last = batch[-1]


def remove_abandoned(engine: Engine, folder: Path, name: str, age: timedelta) -> bool:
    """Remove an abandoned file unless it was written to within `age`; return whether it was removed.

    Raises OSError, DatabaseUnavailable.
    """
    with transaction(engine) as session:
        upload = session.get(Upload, name, with_for_update=True)
        if upload is None or spool.last_written(folder / name) > time.time() - age.total_seconds():
            return False
        text = f"{name}: nothing was written for {age.total_seconds():g} seconds, and no job claimed it"
        remove_in(session, folder, upload, EventKind.UPLOAD_ABANDONED, None, text)
    return True


def _names_after(engine: Engine, age: timedelta, last: str) -> list[str]:
    # A resumable upload expires by rules of its own.
    old = Upload.started < func.now() - age, Upload.token.is_(None)
    query = select(Upload.spool_name).where(Upload.spool_name > last, *old).order_by(Upload.spool_name).limit(BATCH)
    with transaction(engine) as session:
        return list(session.scalars(query))


def remove_in(session: Session, folder: Path, upload: Upload, kind: EventKind, code: str | None, text: str) -> None:
    """Remove the file of a locked row and the row, with an event, in the caller's transaction; raises OSError."""
    spool.remove(folder / upload.spool_name)
    failpoint("upload.removed", upload.job_id)
    add_event(session, upload.job_id, kind, code=code, text=text)
    session.delete(upload)
    idempotency_keys.free(session, upload.spool_name)


def _remove_refused(engine: Engine, folder: Path, upload: Announced, error: BaseException) -> None:
    code = error.code if isinstance(error, IngestError) else None
    try:
        remove(engine, folder, upload.name, EventKind.UPLOAD_REFUSED, code, to_one_line(str(error)))
    except (OSError, DatabaseUnavailable) as fault:
        logger.warning("job %d: the partial upload stays until retention removes it: %s", upload.job_id, fault)
