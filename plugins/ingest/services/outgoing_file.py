"""A file on its way to the archive. Created by `ingest.archiving.transfer`, read by the archives."""

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class OutgoingFile:
    """A file to store under an id: its body, which is read once from its current position, and its size in bytes."""

    file_id: int
    body: BinaryIO
    size: int
