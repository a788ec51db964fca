"""The spool: what was posted lies here, as one file a job, from its receipt until the job is catalogued.

Called by the API for every body, and by the command line's `retry` for a bundle that an admin brings along. A file has
its final name only when all of it is on the disk; until then it is called `.part`.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Protocol

from ingest.errors.types import IncompleteBody, SpoolFull, SpoolUnavailable, UserSpaceLimit
from ingest.system.durable_files import sync_folder, write_all
from ingest.system.failpoints import failpoint
from ingest.system.linux import FULL, reserve, write_back

PART_SUFFIX = ".part"
RANDOM_BYTES = 4
# What is in a bundle is for its uploader, and for the account of the API and the workers (or their group).
OTHERS_MAY_NOTHING = 0o640


@dataclass(frozen=True)
class Announced:
    """A file that is going to be received: for which job, under which name, its size in bytes (None: nobody knows).

    `user` is the uploader whose share it counts to; None for a file that an admin brings.
    """

    job_id: int
    name: str
    size: int | None
    user: str | None = None


class Readable(Protocol):
    """A body that is read in blocks; it says by its own errors, never by OSError, that it ended too early."""

    def read(self, size: int, /) -> bytes | bytearray:
        """Give at most `size` bytes; none at the end."""


def file_name(job_id: int, extension: str) -> str:
    """Give a name that no other try to receive a file, of this job or of another, will ever have."""
    return f"{job_id}-{secrets.token_hex(RANDOM_BYTES)}.{extension}"


def receive(
    stream: Readable,
    folder: Path,
    announced: Announced,
    block_size: int,
    check: Callable[[BinaryIO], None] | None = None,
    kept_free: int = 0,
    kept_for_others: int = 0,
) -> int:
    """Write a stream to its file in the folder, both synced, and give its size in bytes; or leave nothing behind.

    `block_size` is what is held in memory. `check` reads the whole file before it gets its name, and raises if it is not
    to be kept. A file of unknown size leaves `kept_free` bytes of the disk, and `kept_for_others` for other users. Raises
    IncompleteBody, SpoolFull, UserSpaceLimit, SpoolUnavailable, and what the stream and `check` raise.
    """
    path = folder / announced.name
    part = part_of(path)
    try:
        size = _write(stream, part, announced, block_size, (kept_free, kept_for_others))
        if check:
            with translate_disk_errors(folder), part.open("rb") as file:
                check(file)
        failpoint("receive.synced", announced.job_id)
        with translate_disk_errors(folder):
            part.rename(path)
            sync_folder(folder)
        failpoint("receive.renamed", announced.job_id)
    except BaseException:
        with suppress(OSError):
            remove(path)
        raise
    return size


def remove(path: Path) -> None:
    """Remove a file, whole or in part, for good; raises OSError, but not for one that is gone already."""
    # In this order a file that is renamed meanwhile is found under one of its names.
    part_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def last_written(path: Path) -> float:
    """Give when a file, whole or in part, was last written, in seconds since the epoch; 0 when nothing of it is there."""
    written = [0.0]
    for each in (part_of(path), path):
        with suppress(FileNotFoundError):
            written.append(each.stat().st_mtime)
    return max(written)


def part_of(path: Path) -> Path:
    """Give the name of a file that is not whole yet."""
    return path.with_name(path.name + PART_SUFFIX)


@contextmanager
def translate_disk_errors(folder: Path) -> Iterator[None]:
    """Turn what the disk says into SpoolFull or SpoolUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise SpoolFull(f"the spool {folder} has no room for this: {error.strerror}") from error
        raise SpoolUnavailable(f"the spool {folder} cannot be written: {error.strerror or error}") from error


def free_bytes(folder: Path) -> int:
    """Give the free room of a folder's disk, in bytes; raises OSError."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _write(stream: Readable, part: Path, announced: Announced, block_size: int, kept: tuple[int, int]) -> int:
    with translate_disk_errors(part.parent):
        # Without a buffer: what a full disk did not take would be written again, and fail again, when the file is closed.
        file = FileIO(part, "x", opener=partial(os.open, mode=OTHERS_MAY_NOTHING))
    with file:
        if announced.size:
            with translate_disk_errors(part.parent):
                reserve(file.fileno(), announced.size)
        size = 0
        while block := stream.read(block_size):
            with translate_disk_errors(part.parent):
                if announced.size is None:
                    _leave_free(part.parent, len(block), *kept)
                write_all(file, block)
            # Or the sync at the end would have all to do, while the client waits.
            write_back(file.fileno(), size, len(block))
            size += len(block)
            failpoint("receive.reading", announced.job_id)
        _check_size(size, announced.size)
        with translate_disk_errors(part.parent):
            os.fsync(file.fileno())
    return size


def _leave_free(folder: Path, size: int, kept_free: int, kept_for_others: int) -> None:
    left = free_bytes(folder) - size - kept_free
    if left < 0:
        raise SpoolFull(f"the spool {folder} has no room for this: what is left is kept free")
    if left < kept_for_others:
        raise UserSpaceLimit(
            f"your uploads and bundles take as much of the spool as one user may take now: {left} bytes are left, for other "
            "users; send it again when some of your jobs are complete, or ask an admin"
        )


def _check_size(size: int, announced_size: int | None) -> None:
    if size == 0:
        raise IncompleteBody("nothing was sent")
    if announced_size is not None and size != announced_size:
        raise IncompleteBody(f"{announced_size} bytes were announced, but {size} were sent")
