"""The space on the spool's disk, shared out among the uploads and their users before their first byte.

Called by `ingest.ledger.uploads` in the transaction that announces a file, so that all processes, on all machines that
share the spool, share one count, and by `api.probes.readiness` (`promised`). `ingest.system.linux` then makes the
promise good, where the file system can.
"""

from contextlib import suppress
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.errors.types import UserSpaceLimit
from ingest.ledger import locks, user_jobs
from ingest.ledger.locks import SharedLock
from ingest.ledger.models import Upload
from ingest.ledger.user_shares import part_of
from ingest.spool import Announced, SpoolFull, free_bytes, translate_disk_errors
from ingest.spool import part_of as part_file_of

# The unit of st_blocks, whatever the file system's own is.
STAT_BLOCK = 512
# How often it is looked again when the free room has changed while what is promised was summed up.
MAX_SAMPLES = 5


def promise_room(session: Session, folder: Path, upload: Announced, kept_free: int, share: float = 1.0) -> int:
    """Wait for other announcements to be committed, and reserve the space of an upload.

    `kept_free` bytes are for no upload, `share` is the fraction of the rest that one user may take. Returns how many bytes
    of that rest are for other users, which an upload of unknown size must leave. Raises SpoolFull, UserSpaceLimit,
    SpoolUnavailable.
    """
    locks.acquire(session, SharedLock.SPOOL_SPACE)
    size = upload.size or 0
    left = _unpromised(session, folder) - kept_free
    if size > left:
        raise SpoolFull(
            f"the spool has no space for {size} bytes: {max(left, 0)} are left, after what other uploads have announced"
        )
    return _left_to_others(session, folder, upload, left, share)


def _left_to_others(session: Session, folder: Path, upload: Announced, left: int, share: float) -> int:
    """Return how much of the free space is for other users; raises UserSpaceLimit when the upload would take of it."""
    if share >= 1 or upload.user is None:
        return 0
    mine = _announced_by(session, folder, upload.user) + user_jobs.bytes_received(session, upload.user)
    most = part_of(left + mine, share)
    if mine + max(upload.size or 0, 1) > most:
        wanted = "more" if upload.size is None else f"{upload.size} more"
        raise UserSpaceLimit(
            f"your uploads and bundles take {mine} bytes of the spool, of {most} that one user may take, and there is no "
            f"space for {wanted}; send it again when some of your jobs are complete, or ask an admin"
        )
    return left + mine - most


def _announced_by(session: Session, folder: Path, user: str) -> int:
    """Return the bytes that a user's uploads take up or will take up."""
    uploads = session.execute(select(Upload.spool_name, Upload.size).where(Upload.user == user))
    return sum(max(size or 0, _taken_up(folder / name)) for name, size in uploads)


def _unpromised(session: Session, folder: Path) -> int:
    """Return the bytes that are free and that no upload has announced."""
    for _ in range(MAX_SAMPLES):
        with translate_disk_errors(folder):
            before = free_bytes(folder)
            taken = promised(session, folder)
            after = free_bytes(folder)
        if before == after:
            break
    # What an upload took meanwhile is missing here or counted twice: rather refused than promised twice.
    return min(before, after) - taken


def promised(session: Session, folder: Path) -> int:
    """Return the bytes that uploads have announced and that their files do not take up yet."""
    announced = session.execute(select(Upload.spool_name, Upload.size).where(Upload.size.is_not(None)))
    return sum(max(0, size - _taken_up(folder / name)) for name, size in announced if size is not None)


def _taken_up(path: Path) -> int:
    for each in (part_file_of(path), path):
        with suppress(FileNotFoundError):
            return each.stat().st_blocks * STAT_BLOCK
    return 0
