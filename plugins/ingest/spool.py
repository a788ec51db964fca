"""The spool: what was posted lies here, as one file a job, from its receipt until the job is catalogued.

Called by the API for every body, and by the command line's `retry` for a bundle that an admin brings along. A file has
its final name only when all of it is on the disk; until then it is called `.part`.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Protocol

from ingest.durable_files import sync_folder
from ingest.errors import Rejection, TransientError
from ingest.preallocation import FULL, reserve

PART_SUFFIX = ".part"
RANDOM_BYTES = 4


class SpoolUnavailable(TransientError):
    """The spool's folder cannot be written."""

    code = "spool_unavailable"


class SpoolFull(SpoolUnavailable):
    """The spool has no room for what is sent."""

    code = "spool_full"


class IncompleteBody(Rejection):
    """Less arrived than was announced, or nothing at all."""

    code = "body_incomplete"


class Readable(Protocol):
    """A body that is read in blocks; it says by its own errors, never by OSError, that it ended too early."""

    def read(self, size: int, /) -> bytes:
        """Give at most `size` bytes; none at the end."""


def file_name(job_id: int, extension: str) -> str:
    """Give a name that no other try to receive a file, of this job or of another, will ever have."""
    return f"{job_id}-{secrets.token_hex(RANDOM_BYTES)}.{extension}"


def receive(
    stream: Readable,
    path: Path,
    announced_size: int | None,
    block_size: int,
    check: Callable[[BinaryIO], None] | None = None,
) -> int:
    """Write a stream to `path`, synced with its folder, and give its size in bytes; or leave nothing behind.

    `announced_size` is in bytes, None if nobody knows; `block_size` is what is held in memory. `check` reads the whole
    file before it gets its name, and raises if it is not to be kept. Raises IncompleteBody, SpoolFull, SpoolUnavailable,
    and what the stream and `check` raise.
    """
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        size = _write(stream, part, announced_size, block_size)
        if check:
            with disk_faults(part.parent), part.open("rb") as file:
                check(file)
        with disk_faults(part.parent):
            part.rename(path)
            sync_folder(path.parent)
    except BaseException:
        remove(part)
        remove(path)
        raise
    return size


def rename(path: Path, name: str) -> Path:
    """Give a received file another name in its folder, durably; raises SpoolUnavailable."""
    with disk_faults(path.parent):
        renamed = path.rename(path.with_name(name))
        sync_folder(path.parent)
    return renamed


def remove(path: Path) -> None:
    """Remove a file; that it is gone already, or cannot be removed, is no failure of whoever gives it up."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


@contextmanager
def disk_faults(folder: Path) -> Iterator[None]:
    """Turn what the disk says into SpoolFull or SpoolUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise SpoolFull(f"the spool {folder} has no room for this: {error.strerror}") from error
        raise SpoolUnavailable(f"the spool {folder} cannot be written: {error.strerror or error}") from error


def _write(stream: Readable, part: Path, announced_size: int | None, block_size: int) -> int:
    with disk_faults(part.parent):
        # Without a buffer: what a full disk did not take would be written again, and fail again, when the file is closed.
        file = part.open("xb", buffering=0)
    with file:
        if announced_size:
            with disk_faults(part.parent):
                reserve(file.fileno(), announced_size)
        size = _copy(stream, file, part.parent, block_size)
        if size == 0:
            raise IncompleteBody("nothing was sent")
        if announced_size is not None and size != announced_size:
            raise IncompleteBody(f"{announced_size} bytes were announced, but {size} were sent")
        with disk_faults(part.parent):
            os.fsync(file.fileno())
    return size


def _copy(stream: Readable, file: FileIO, folder: Path, block_size: int) -> int:
    size = 0
    while block := stream.read(block_size):
        with disk_faults(folder):
            _write_block(file, block)
        size += len(block)
    return size


def _write_block(file: FileIO, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]
