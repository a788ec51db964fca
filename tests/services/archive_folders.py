"""Helpers for the tests of the built-in archive."""

import io
from pathlib import Path

from ingest.services.archive_folder import FolderArchive
from ingest.services.archive_marker import MARKER

BLOCK = 4096


def put(archive: FolderArchive, file_id: int, content: bytes) -> None:
    archive.put(file_id, io.BytesIO(content), len(content))


def get(archive: FolderArchive, file_id: int) -> bytes:
    return b"".join(archive.get(file_id))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != MARKER)
