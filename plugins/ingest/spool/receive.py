"""Receive a whole file into the spool in one request. Called by `api.routes.bundles` and by `retry --path`."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from ingest.errors.types import IncompleteBody
from ingest.spool import GROUP_READABLE, Announced, Readable, part_of, remove, translate_disk_errors
from ingest.spool.blocks import NOTHING_KEPT, Kept, write_blocks
from ingest.system.durable_files import sync_folder
from ingest.system.failpoints import failpoint
from ingest.system.linux import reserve


@contextmanager
def receiving(
    stream: Readable,
    folder: Path,
    announced: Announced,
    block_size: int,
    check: Callable[[BinaryIO], None] | None = None,
    kept: Kept = NOTHING_KEPT,
) -> Iterator[int]:
    """Write a stream to its file in the folder, sync both and yield its size in bytes; leave nothing behind on failure.

    At most `block_size` bytes are in memory. `check` reads the whole file before it gets its final name, and raises if the
    file is refused. A file of unknown size leaves the space that `kept` describes. The lock of the file is held until the
    `with` block ends. Raises IncompleteBody, SpoolFull, UserSpaceLimit, SpoolUnavailable, and the errors of the stream and
    of `check`.
    """
    path = folder / announced.name
    with translate_disk_errors(folder):
        # Unbuffered: a buffer that a full disk did not accept would be written again, and fail again, at the close.
        file = FileIO(part_of(path), "x", opener=partial(os.open, mode=GROUP_READABLE))
    with file:
        try:
            size = _write(stream, file, folder, announced, block_size, kept)
            _name(path, announced.job_id, check)
        except BaseException:
            with suppress(OSError):
                remove(path)
            raise
        yield size


def receive(stream: Readable, folder: Path, announced: Announced, block_size: int) -> int:
    """Receive a file as `receiving` does, and release its lock; return its size in bytes."""
    with receiving(stream, folder, announced, block_size) as size:
        return size


def refuse_empty(size: int) -> None:
    """Raise IncompleteBody for an upload without a byte, before it is received or after it."""
    if size == 0:
        raise IncompleteBody("nothing was sent")


def _write(stream: Readable, file: FileIO, folder: Path, announced: Announced, block_size: int, kept: Kept) -> int:
    # Shows that the process lives; a file system without locks can do without, because no other process writes this file.
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with translate_disk_errors(folder):
        if announced.size:
            reserve(file.fileno(), announced.size)
    size = 0
    for end in write_blocks(stream, file, folder, 0, block_size, kept if announced.size is None else None):
        size = end
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


def check_size(size: int, announced_size: int | None) -> None:
    """Raise IncompleteBody for a body of another size than announced, or without a byte; sizes are in bytes."""
    refuse_empty(size)
    if announced_size is not None and size != announced_size:
        raise IncompleteBody(f"{announced_size} bytes were announced, but {size} were received; send it again")
