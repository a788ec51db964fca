"""A bundle that is ready to be sent: its files are listed and hashed, its metadata is written, its tar is laid out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pacifica_ingest_client.bundle.documents import Entry, write_document, write_move_document
from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.bundle.hashing import hash_files
from pacifica_ingest_client.bundle.sources import BLOCK, find_files
from pacifica_ingest_client.bundle.virtual_tar import Layout, VirtualTar, lay_out
from pacifica_ingest_client.errors import NothingToUpload
from pacifica_ingest_client.progress import Progress


@dataclass(frozen=True)
class Bundle:
    """A bundle. `digest` identifies its contents, `document` is its metadata, `size` the size of its tar."""

    document: Path
    files: int
    table: FileTable
    layout: Layout

    @property
    def size(self) -> int:
        """The number of bytes to send."""
        return self.layout.size

    @property
    def digest(self) -> str:
        """The digest of everything that decides the bytes of the tar."""
        return self.layout.digest

    def open(self) -> VirtualTar:
        """Open the tar."""
        return VirtualTar(self.table, self.document, self.layout)


def list_and_hash(
    table: FileTable, paths: Sequence[str], exclude: Sequence[str], progress: Progress, *, afresh: bool = False
) -> int:
    """List and hash the files, `afresh` without the hashes of earlier starts; return their number. Raises UploaderError."""
    progress.start("listing files", None)
    if afresh:
        table.clear()
    table.replace(find_files(paths, exclude))
    files, _ = table.totals()
    if not files:
        raise NothingToUpload(f"there are no files in {', '.join(paths)}")
    hash_files(table, progress)
    return files


def make_bundle(table: FileTable, files: int, transaction: Sequence[Entry], document: Path) -> Bundle:
    """Write the metadata and lay out the tar of the files in the table."""
    write_document(table, transaction, document)
    return Bundle(document, files, table, lay_out(table, document))


def make_move_document(table: FileTable, transaction: Sequence[Entry], document: Path, server_path: str | None) -> Path:
    """Write the move document of the files in the table; return its path."""
    write_move_document(table, transaction, document, server_path)
    return document


def digest_of(document: Path) -> str:
    """Return the digest that identifies a move document."""
    digest = hashlib.sha256()
    with document.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
