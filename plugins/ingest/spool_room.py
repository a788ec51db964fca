"""The room on the spool's disk, shared out among the uploads before their first byte.

Called by `ingest.uploads` in the transaction that announces a file, so that all processes, on all machines that share the
spool, share one count. `ingest.linux_calls` then makes the promise good, where the file system can.
"""

from contextlib import suppress
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest.models import Upload
from ingest.spool import SpoolFull, disk_faults, free_bytes, part_of

ANNOUNCING_LOCK = (3, 8066)
# The unit of st_blocks, whatever the file system's own is.
STAT_BLOCK = 512
# How often it is looked again when the free room has changed while what is promised was summed up.
LOOKS = 5


def promise_room(session: Session, folder: Path, size: int, kept_free: int) -> None:
    """Wait for other announcements to be committed, and see that there is room for `size` more bytes.

    `kept_free` bytes are nobody's. Raises SpoolFull, SpoolUnavailable.
    """
    session.execute(select(func.pg_advisory_xact_lock(*ANNOUNCING_LOCK)))
    left = _unpromised(session, folder) - kept_free
    if size > left:
        raise SpoolFull(
            f"the spool has no room for {size} bytes: {max(left, 0)} are left, after what other uploads have announced"
        )


def _unpromised(session: Session, folder: Path) -> int:
    """Give the bytes that are free and that no upload has announced."""
    for _ in range(LOOKS):
        with disk_faults(folder):
            before = free_bytes(folder)
            promised = _promised(session, folder)
            after = free_bytes(folder)
        if before == after:
            break
    # What an upload took meanwhile is missing here or counted twice: rather refused than promised twice.
    return min(before, after) - promised


def _promised(session: Session, folder: Path) -> int:
    """Give the bytes that uploads have announced and that their files do not take up yet."""
    announced = session.execute(select(Upload.spool_name, Upload.size).where(Upload.size.is_not(None)))
    return sum(max(0, size - _taken_up(folder / name)) for name, size in announced if size is not None)


def _taken_up(path: Path) -> int:
    for each in (part_of(path), path):
        with suppress(FileNotFoundError):
            return each.stat().st_blocks * STAT_BLOCK
    return 0
