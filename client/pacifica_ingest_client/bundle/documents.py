"""Writes the metadata of a bundle, and move documents: a JSON list, one entry a line (docs/reference/bundle-format.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import chain
from mimetypes import MimeTypes
from pathlib import Path
from typing import Any

from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.bundle.hashing import HASH_TYPE
from pacifica_ingest_client.bundle.sources import SourceFile

DATA_FOLDER = "data"
UNKNOWN_TYPE = "application/octet-stream"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
Entry = dict[str, Any]


def write_document(table: FileTable, transaction: Sequence[Entry], path: Path) -> None:
    """Write the metadata of all files."""
    _write(chain(transaction, _file_entries(table)), path)


def write_move_document(
    table: FileTable, transaction: Sequence[Entry], path: Path, server_path: str | None = None
) -> None:
    """Write a move document; `server_path` is the given path as the service sees it, by default as this computer does."""
    _write(chain(transaction, _sources(table, server_path)), path)


def _write(entries: Iterable[Entry], path: Path) -> None:
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        separator = "[\n"
        for entry in entries:
            file.write(separator + json.dumps(entry, sort_keys=True, ensure_ascii=False))
            separator = ",\n"
        file.write("\n]\n")
    # A kill leaves the old document or the new one; the next start writes it again.
    temporary.replace(path)


def _file_entries(table: FileTable) -> Iterator[Entry]:
    # Only the types that Python knows: those of the system may change between two starts.
    types = MimeTypes()
    for file, digest in table.files():
        yield _file_entry(file, digest, types)


def _sources(table: FileTable, server_path: str | None) -> Iterator[Entry]:
    for (file, _), entry in zip(table.files(), _file_entries(table)):
        below = file.name.partition("/")[2]
        source = file.path if server_path is None else "/".join(filter(None, (server_path, below)))
        yield {**entry, "source": source}


def _file_entry(file: SourceFile, digest: str, types: MimeTypes) -> Entry:
    folder, _, name = f"{DATA_FOLDER}/{file.name}".rpartition("/")
    # Both are the time of the last change, as in the stock client. With the real ctime, a chmod would make another bundle
    # of the same files, and an upload could not be resumed.
    time = (EPOCH + timedelta(seconds=file.mtime)).replace(tzinfo=None).isoformat()
    return {
        "destinationTable": "Files",
        "name": name,
        "subdir": folder,
        "size": file.size,
        "hashtype": HASH_TYPE,
        "hashsum": digest,
        "mimetype": types.guess_type(name)[0] or UNKNOWN_TYPE,
        "mtime": time,
        "ctime": time,
    }
