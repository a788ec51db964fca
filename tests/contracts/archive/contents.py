"""Short forms for the tests of the archive."""

import io

from ingest.services.archive import Archive

BLOCK = 1024 * 1024


def put(archive: Archive, file_id: int, content: bytes) -> None:
    """Store a content."""
    archive.put(file_id, io.BytesIO(content), len(content))


def get(archive: Archive, file_id: int) -> bytes:
    """Give the content that is stored."""
    return b"".join(archive.get(file_id))
