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


def marked_archive(folder: Path) -> str:
    """Return the URL of an archive's folder with a marker, and create it.

    The tests' ledger records archived files of other tests, so a folder without a marker would be refused.
    """
    folder.mkdir()
    (folder / MARKER).write_text(f"the archive of {folder}\n", encoding="utf-8")
    return folder.as_uri()
