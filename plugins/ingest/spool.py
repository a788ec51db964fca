"""The spool: the folder with one file for each job, from its receipt until the job is cataloged.

The API receives every body here, and the command `retry` a bundle that an admin passes. The ledger's uploads, retention and
the stages remove files. A file gets its final name when it is completely on the disk; until then its name ends in `.part`.
"""

import fcntl
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
# Bundles are private to the account of the API and the workers; their group may read them.
GROUP_READABLE = 0o640


@dataclass(frozen=True)
class Announced:
    """A file that will be received: its job, its name and its size in bytes (None: unknown).

    `user` is the uploader whose share the file counts towards; None for a file that an admin passes.
    """

    job_id: int
    name: str
    size: int | None
    user: str | None = None


class Readable(Protocol):
    """A body that is read in blocks; a body that ends too early raises its own error, never OSError."""

    def read(self, size: int, /) -> bytes | bytearray:
        """Return at most `size` bytes; none at the end."""


def file_name(job_id: int, extension: str) -> str:
    """Return a new file name for a job; each attempt to receive a file has its own name."""
    return f"{job_id}-{secrets.token_hex(RANDOM_BYTES)}.{extension}"


def receive(stream: Readable, folder: Path, announced: Announced, block_size: int) -> int:
    """Receive a file as `receiving` does, and release its lock; return its size in bytes."""
    with receiving(stream, folder, announced, block_size) as size:
        return size


@contextmanager
def receiving(
    stream: Readable,
    folder: Path,
    announced: Announced,
    block_size: int,
    check: Callable[[BinaryIO], None] | None = None,
    kept_free: int = 0,
    kept_for_others: int = 0,
) -> Iterator[int]:
    """Write a stream to its file in the folder, sync both and yield its size in bytes; leave nothing behind on failure.

    At most `block_size` bytes are in memory. `check` reads the whole file before it gets its final name, and raises if the
    file is refused. A file of unknown size leaves `kept_free` bytes of the disk free, and `kept_for_others` for other users.
    The lock of the file is held until the `with` block ends. Raises IncompleteBody, SpoolFull, UserSpaceLimit,
    SpoolUnavailable, and the errors of the stream and of `check`.
    """
    path = folder / announced.name
    with translate_disk_errors(folder):
        # Unbuffered: a buffer that a full disk did not accept would be written again, and fail again, at the close.
        file = FileIO(part_of(path), "x", opener=partial(os.open, mode=GROUP_READABLE))
    with file:
        try:
            size = _write(stream, file, folder, announced, block_size, (kept_free, kept_for_others))
            _name(path, announced.job_id, check)
        except BaseException:
            with suppress(OSError):
                remove(path)
            raise
        yield size


def remove(path: Path) -> None:
    """Remove a file, complete or partial, durably; raise OSError, but not if it no longer exists."""
    # In this order, a file that is renamed meanwhile is found under one of its names.
    part_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def last_written(path: Path) -> float:
    """Return when a file, complete or partial, was last written, in seconds since the epoch; 0 if it does not exist."""
    written = [0.0]
    for each in (part_of(path), path):
        with suppress(FileNotFoundError):
            written.append(each.stat().st_mtime)
    return max(written)


def part_of(path: Path) -> Path:
    """Return the path that a file has while it is being received."""
    return path.with_name(path.name + PART_SUFFIX)


@contextmanager
def translate_disk_errors(folder: Path) -> Iterator[None]:
    """Translate errors of the disk to SpoolFull or SpoolUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise SpoolFull(f"the spool {folder} does not have enough free space: {error.strerror}") from error
        raise SpoolUnavailable(f"the spool {folder} cannot be written: {error.strerror or error}") from error


def is_being_written(path: Path) -> bool:
    """Return whether a process holds the lock of a file, complete or partial; raise OSError."""
    for each in (part_of(path), path):
        with suppress(FileNotFoundError), each.open("rb") as file:
            # A shared lock, so that two processes that check simultaneously do not see each other.
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


def free_bytes(folder: Path) -> int:
    """Return the free space of a folder's disk, in bytes; raise OSError."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _write(
    stream: Readable, file: FileIO, folder: Path, announced: Announced, block_size: int, kept: tuple[int, int]
) -> int:
    # Shows that the process lives; a file system without locks can do without, because no other process writes this file.
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with translate_disk_errors(folder):
        if announced.size:
            reserve(file.fileno(), announced.size)
    size = 0
    while block := stream.read(block_size):
        with translate_disk_errors(folder):
            if announced.size is None:
                _leave_free(folder, len(block), *kept)
            write_all(file, block)
        # Starts early, so that the sync at the end is short for the waiting client.
        write_back(file.fileno(), size, len(block))
        size += len(block)
        failpoint("receive.reading", announced.job_id)
    check_size(size, announced.size)
    with translate_disk_errors(folder):
        os.fsync(file.fileno())
    return size


def _name(path: Path, job_id: int, check: Callable[[BinaryIO], None] | None) -> None:
    """Check the complete file and give it its final name."""
    part, folder = part_of(path), path.parent
    if check:
        with translate_disk_errors(folder), part.open("rb") as file:
            check(file)
    failpoint("receive.synced", job_id)
    with translate_disk_errors(folder):
        part.rename(path)
        sync_folder(folder)
    failpoint("receive.renamed", job_id)


def _leave_free(folder: Path, size: int, kept_free: int, kept_for_others: int) -> None:
    left = free_bytes(folder) - size - kept_free
    if left < 0:
        raise SpoolFull(f"the spool {folder} does not have enough free space: the rest is reserved")
    if left < kept_for_others:
        raise UserSpaceLimit(
            f"your uploads and bundles fill your share of the spool, and the remaining {left} bytes are for other users; "
            "send it again when some of your jobs are complete, or contact an admin"
        )


def refuse_empty(size: int) -> None:
    """Raise IncompleteBody for an upload without a byte, before it is received or after it."""
    if size == 0:
        raise IncompleteBody("nothing was sent")


def check_size(size: int, announced_size: int | None) -> None:
    """Raise IncompleteBody for a body of another size than announced, or without a byte; sizes are in bytes."""
    refuse_empty(size)
    if announced_size is not None and size != announced_size:
        raise IncompleteBody(f"{announced_size} bytes were announced, but {size} were received; send it again")
