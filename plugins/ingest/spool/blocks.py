"""Write the blocks of a stream to an open file of the spool. Used by `ingest.spool.receive` and `ingest.spool.append`."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from ingest.errors.types import SpoolFull, UserSpaceLimit
from ingest.spool import Readable, free_bytes, translate_disk_errors
from ingest.system.durable_files import write_all
from ingest.system.linux import write_back


@dataclass(frozen=True)
class Kept:
    """The bytes of the disk that a file of unknown size leaves free: for no upload, and for other users."""

    free: int = 0
    for_others: int = 0


NOTHING_KEPT = Kept()


def write_blocks(
    stream: Readable, file: FileIO, folder: Path, offset: int, block_size: int, kept: Kept | None
) -> Iterator[int]:
    """Write a stream at an offset in bytes; yield the offset of its end after each block.

    `kept` is None for a file whose space is reserved. Raises SpoolFull, UserSpaceLimit, SpoolUnavailable, and the errors of
    the stream.
    """
    file.seek(offset)
    begin = offset
    while block := stream.read(block_size):
        with translate_disk_errors(folder):
            if kept is not None:
                _leave_free(folder, len(block), kept)
            write_all(file, block)
        # Starts early, so that the sync at the end is short for the waiting client. That of a short body follows directly.
        if offset > begin:
            write_back(file.fileno(), offset, len(block))
        offset += len(block)
        yield offset


def _leave_free(folder: Path, size: int, kept: Kept) -> None:
    left = free_bytes(folder) - size - kept.free
    if left < 0:
        raise SpoolFull(f"the spool {folder} does not have enough free space: the rest is reserved")
    if left < kept.for_others:
        raise UserSpaceLimit(
            f"your uploads and bundles fill your share of the spool, and the remaining {left} bytes are for other users; "
            "send it again when some of your jobs are complete, or contact an admin"
        )
