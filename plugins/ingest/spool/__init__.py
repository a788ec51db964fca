"""The spool: the folder with one file for each job, from its receipt until the job is cataloged.

`receive` writes a file in one request, `append` in several. The API receives every body here, and the command `retry` a
bundle that an admin passes. The ledger's uploads, retention and the stages remove files.

A file gets its final name when it is completely on the disk; until then its name ends in `.part`. The process that writes
it holds its lock, which the kernel releases when the process is killed.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ingest.errors.types import SpoolFull, SpoolUnavailable
from ingest.system.durable_files import sync_folder
from ingest.system.linux import FULL

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


def part_of(path: Path) -> Path:
    """Return the path that a file has while it is being received."""
    return path.with_name(path.name + PART_SUFFIX)


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


@contextmanager
def translate_disk_errors(folder: Path) -> Iterator[None]:
    """Translate errors of the disk to SpoolFull or SpoolUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise SpoolFull(f"the spool {folder} does not have enough free space: {error.strerror}") from error
        raise SpoolUnavailable(f"the spool {folder} cannot be written: {error.strerror or error}") from error
