"""Completed transactions as `ingest_metadata` sends them. Used by the contract of Metadata and the tests of its faults."""

import io
import json
from collections.abc import Iterable
from typing import Any

from ingest.services.metadata import FileHash, Metadata
from tools.bundles import Entry, file_entry, transaction


def document(transaction_id: int, files: Iterable[int] = (), **changes: Any) -> list[Entry]:
    """Return a transaction with these files; `changes` are applied to the entry of each."""
    entries = [file_entry("日本/a", b"x", _id=file_id, hashsum=f"{file_id:040x}") | changes for file_id in files]
    return [*transaction(), *entries, {"destinationTable": "Transactions._id", "value": transaction_id}]


def remove_key(entries: list[Entry], key: str, table: str = "Files") -> list[Entry]:
    """Return the entries without one key in those of one table."""
    return [
        {name: value for name, value in entry.items() if name != key or entry["destinationTable"] != table}
        for entry in entries
    ]


def ingest(metadata: Metadata, transaction_id: int, entries: list[Entry]) -> None:
    """Catalog a transaction."""
    encoded = json.dumps(entries).encode()
    metadata.ingest(transaction_id, io.BytesIO(encoded), len(encoded))


def hashes(files: Iterable[int]) -> dict[int, FileHash]:
    """Return the files as the catalog then holds them."""
    return {file_id: FileHash("sha1", f"{file_id:040x}") for file_id in files}
