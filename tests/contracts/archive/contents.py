"""Helpers for the tests of the archive."""

import io
from pathlib import Path

from ingest.services.archive import Archive, OpenFile

BLOCK = 1024 * 1024


def put(archive: Archive, file_id: int, content: bytes) -> None:
    """Store contents under an id."""
    archive.put(file_id, io.BytesIO(content), len(content))


def get(archive: Archive, file_id: int) -> bytes:
    """Return the stored contents."""
    return b"".join(archive.get(file_id))


def move(archive: Archive, file_id: int, source: Path) -> None:
    """Move a source as a stage does: keep it open, and remove its name after the archive has the file."""
    with source.open("rb", buffering=0) as file:
        archive.move(file_id, OpenFile(source, file))
    source.unlink()
