"""Reserve space on the spool's disk for uploads before their first byte arrives, within the share of their user.

Called by `ingest.ledger.uploads` in the transaction that announces a file, so that all processes, on all machines that
share the spool, count together; by `api.probes.readiness` (`reserved_bytes`) and `api.routes.preflight_json`
(`unreserved_bytes`). `ingest.system.linux` then allocates the space on disk, where the file system supports it.
"""

from contextlib import suppress
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.errors.types import SpoolFull, UserSpaceLimit
from ingest.ledger import locks, user_jobs
from ingest.ledger.locks import SharedLock
from ingest.ledger.models import Upload
from ingest.ledger.user_shares import fraction_of
from ingest.spool import Announced, free_bytes, part_of, translate_disk_errors

# The unit of st_blocks, whatever the file system's own block size is.
STAT_BLOCK = 512
# The most measurements of the free space, which is measured again if it changed while the reservations were summed up.
MAX_SAMPLES = 5


def reserve_space(session: Session, folder: Path, upload: Announced, kept_free: int, share: float = 1.0) -> int:
    """Wait until other announcements are committed, and reserve the space of an upload.

    `kept_free` bytes are reserved for no upload; `share` is the fraction of the remaining space that one user may use.
    Returns the bytes of the remaining space that are for other users, which an upload of unknown size must leave free.
    Raises SpoolFull, UserSpaceLimit, SpoolUnavailable.
    """
    locks.acquire(session, SharedLock.SPOOL_SPACE)
    size = upload.size or 0
    left = unreserved_bytes(session, folder) - kept_free
    if size > left:
        raise SpoolFull(
            f"the spool has no space for {size} bytes: {max(left, 0)} are left, after what other uploads have announced"
        )
    return _left_to_others(session, folder, upload, left, share)


def _left_to_others(session: Session, folder: Path, upload: Announced, left: int, share: float) -> int:
    """Return how much of the free space is for other users; raises UserSpaceLimit when the upload would use some of it."""
    if share >= 1 or upload.user is None:
        return 0
    used = _used_by_uploads(session, folder, upload.user) + user_jobs.bytes_received(session, upload.user)
    limit = fraction_of(left + used, share)
    if used + max(upload.size or 0, 1) > limit:
        wanted = "more" if upload.size is None else f"{upload.size} more"
        raise UserSpaceLimit(
            f"your uploads and bundles use {used} bytes of the spool, of {limit} that one user may use, and there is no "
            f"space for {wanted}; send it again when some of your jobs are complete, or contact an admin"
        )
    return left + used - limit


def _used_by_uploads(session: Session, folder: Path, user: str) -> int:
    """Return the bytes that a user's uploads occupy or have reserved."""
    uploads = session.execute(select(Upload.spool_name, Upload.size).where(Upload.user == user))
    return sum(max(size or 0, _occupied(folder / name)) for name, size in uploads)


def unreserved_bytes(session: Session, folder: Path) -> int:
    """Return the bytes that are free and not reserved; raises SpoolUnavailable."""
    for _ in range(MAX_SAMPLES):
        with translate_disk_errors(folder):
            before = free_bytes(folder)
            reserved = reserved_bytes(session, folder)
            after = free_bytes(folder)
        if before == after:
            break
    # Bytes that arrived in between are missing or counted twice; the smaller value never reserves space twice.
    return min(before, after) - reserved


def reserved_bytes(session: Session, folder: Path) -> int:
    """Return the bytes that uploads have announced and that their files do not occupy yet."""
    announced = session.execute(select(Upload.spool_name, Upload.size).where(Upload.size.is_not(None)))
    return sum(max(0, size - _occupied(folder / name)) for name, size in announced if size is not None)


def _occupied(path: Path) -> int:
    """Return the bytes that a file, whole or in part, occupies on the disk."""
    for each in (part_of(path), path):
        with suppress(FileNotFoundError):
            return each.stat().st_blocks * STAT_BLOCK
    return 0
