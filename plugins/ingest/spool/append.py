"""Receive a file into the spool in several requests. Called by `api.receiving.resumable`.

The lock of the partial file excludes all other writers, on every host that shares the spool, and ends with its process. An
offset is durable when `append` reports it: the bytes before it are on the disk. Bytes behind it have no meaning, and the
next writer overwrites them.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import FileIO
from pathlib import Path

from ingest.spool import GROUP_READABLE, Readable, part_of, translate_disk_errors
from ingest.spool.blocks import Kept, write_blocks
from ingest.spool.checkpoints import Checkpoints
from ingest.system.durable_files import sync_folder
from ingest.system.failpoints import failpoint
from ingest.system.linux import reserve

POLL_SECONDS = 0.02


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[FileIO | None]:
    """Open a file, complete or partial, with its lock; yield None if another process keeps the lock for `seconds`.

    Raises FileNotFoundError when there is no such file, SpoolUnavailable.
    """
    file = _open(path)
    with file:
        yield file if _lock(file, path, seconds) else None


def create(path: Path, size: int | None) -> None:
    """Create an empty partial file durably, with `size` bytes reserved; do nothing if it exists already.

    Raises SpoolFull, SpoolUnavailable.
    """
    with translate_disk_errors(path.parent), suppress(FileExistsError):
        with FileIO(part_of(path), "x", opener=partial(os.open, mode=GROUP_READABLE)) as file:
            if size:
                reserve(file.fileno(), size)
            os.fsync(file.fileno())
        sync_folder(path.parent)


def append(
    stream: Readable,
    file: FileIO,
    path: Path,
    job_id: int,
    offset: int,
    block_size: int,
    kept: Kept | None,
    report: Callable[[int], None],
) -> int:
    """Write a stream at `offset`, and return the offset of its end, which is synced; offsets are in bytes.

    `report` is called with each offset that has become durable: now and then by another thread, at the end, and before an
    error of the stream is raised. Raises as `ingest.spool.blocks.write_blocks` and `report`.
    """
    checkpoints = Checkpoints(file.fileno(), path.parent, job_id, offset, report)
    end = offset
    try:
        for end in write_blocks(stream, file, path.parent, offset, block_size, kept):
            failpoint("append.writing", job_id)
            checkpoints.save_when_due(end)
    finally:
        checkpoints.save(end)
    return end


def cut(file: FileIO, path: Path, size: int, job_id: int) -> None:
    """Remove what a locked file has behind its `size` bytes, the rest of a request that broke; raises SpoolUnavailable."""
    with translate_disk_errors(path.parent):
        if os.fstat(file.fileno()).st_size != size:
            file.truncate(size)
            os.fsync(file.fileno())
    failpoint("append.complete", job_id)


def complete(path: Path, job_id: int) -> None:
    """Give a locked file that is complete its final name, durably; may be repeated. Raises SpoolUnavailable."""
    with translate_disk_errors(path.parent):
        with suppress(FileNotFoundError):
            part_of(path).rename(path)
        sync_folder(path.parent)
    failpoint("append.renamed", job_id)


def _open(path: Path) -> FileIO:
    # The second name is left by a process that was killed after the last step of `complete`.
    for each in (part_of(path), path):
        with translate_disk_errors(path.parent), suppress(FileNotFoundError):
            return FileIO(each, "r+")
    raise FileNotFoundError(path)


def _lock(file: FileIO, path: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        with translate_disk_errors(path.parent):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
            else:
                return True
        time.sleep(POLL_SECONDS)
