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
from ingest.system.durable_files import sync_folder
from ingest.system.failpoints import failpoint
from ingest.system.linux import reserve

POLL_SECONDS = 0.02
# A sync halves the rate of a fast upload, which ends sooner; a slow one loses at most this much at a kill.
CHECKPOINT_SECONDS = 10.0


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
    checkpoint: Callable[[int], None],
) -> int:
    """Write a stream at `offset`, and return the offset of its end, which is synced; offsets are in bytes.

    `checkpoint` is called with each offset that has become durable: now and then, at the end, and before an error of the
    stream is raised. Raises as `ingest.spool.blocks.write_blocks` and `checkpoint`.
    """
    progress = _Progress(file, path.parent, job_id, offset, checkpoint)
    end = offset
    try:
        for end in write_blocks(stream, file, path.parent, offset, block_size, kept):
            failpoint("append.writing", job_id)
            progress.save_when_due(end)
    finally:
        progress.save(end)
    return end


class _Progress:
    """Makes the bytes of one request durable, and reports their end."""

    def __init__(self, file: FileIO, folder: Path, job_id: int, offset: int, checkpoint: Callable[[int], None]) -> None:
        self._file = file
        self._folder = folder
        self._job_id = job_id
        self._saved = offset
        self._saved_at = time.monotonic()
        self._checkpoint = checkpoint
        self._has_failed = False

    def save_when_due(self, end: int) -> None:
        """Save the bytes before `end` if the last time was long ago; raises as `save`."""
        if time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS:
            self.save(end)

    def save(self, end: int) -> None:
        """Sync and report the bytes before `end`, unless that failed before.

        Raises SpoolFull, SpoolUnavailable, and the errors of `checkpoint`.
        """
        # Linux reports a write-back error only once: the next sync succeeds although the bytes are not on the disk.
        if self._has_failed or end == self._saved:
            return
        self._has_failed = True
        _sync(self._file, self._folder)
        failpoint("append.synced", self._job_id)
        self._checkpoint(end)
        self._has_failed = False
        self._saved, self._saved_at = end, time.monotonic()


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


def _sync(file: FileIO, folder: Path) -> None:
    with translate_disk_errors(folder):
        os.fdatasync(file.fileno())
