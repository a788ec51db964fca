"""Receive a document into a file that has no name, for a call that keeps nothing of its body.

Called by `api.routes.preflight`. The operating system removes the file when it is closed, also when the process is killed.
The file is on the spool's disk, because others may be too small for it.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from api.receiving.body import Body
from ingest.errors.types import IncompleteBody, SpoolFull
from ingest.settings.loading import Settings
from ingest.spool import free_bytes, translate_disk_errors
from ingest.system.durable_files import write_all


@contextmanager
def held(body: Body, settings: Settings) -> Iterator[tuple[BinaryIO, int]]:
    """Yield an open file with the whole body, and its size in bytes; memory does not grow with the size.

    Raises IncompleteBody, SpoolFull, SpoolUnavailable, and the errors of the body.
    """
    with translate_disk_errors(settings.volume_path):
        # Unbuffered: bytes that a full disk refused would be written again, and fail again, when the file is closed.
        file = cast(BinaryIO, tempfile.TemporaryFile(dir=settings.volume_path, buffering=0))  # noqa: SIM115
    with file:
        size = 0
        while block := body.read(settings.transfer_size):
            _write(file, block, settings)
            size += len(block)
        if body.announced_size not in (None, size):
            raise IncompleteBody(f"{body.announced_size} bytes were announced, but {size} were received; send it again")
        yield file, size


def _write(file: BinaryIO, block: bytes | bytearray, settings: Settings) -> None:
    folder = settings.volume_path
    with translate_disk_errors(folder):
        if free_bytes(folder) - len(block) < settings.spool_kept_free:
            raise SpoolFull(f"the spool {folder} does not have enough free space: the rest is reserved")
        write_all(file, block)
