"""Short forms for the tests of the archive."""

import io
from pathlib import Path

from ingest.services.archive import Archive, OpenFile

BLOCK = 1024 * 1024


def put(archive: Archive, file_id: int, content: bytes) -> None:
    """Store a content."""
    archive.put(file_id, io.BytesIO(content), len(content))


def get(archive: Archive, file_id: int) -> bytes:
    """Give the content that is stored."""
    return b"".join(archive.get(file_id))


def move(archive: Archive, file_id: int, source: Path) -> None:
    """Move a source as a stage does: it is held open, and its name is removed once the archive has the file."""
    with source.open("rb", buffering=0) as file:
        archive.move(file_id, OpenFile(source, file))
    source.unlink()
