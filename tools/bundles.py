"""Bundles and move documents, made as an uploader makes them; arguments make them wrong."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Entry = dict[str, Any]

CONTENTS = {"data/a/b/one.txt": b"one\n", "data/a/c/two.bin": bytes(range(256)) * 300, "data/日本.txt": b""}


def transaction() -> list[Entry]:
    """Return the entries of the transaction: submitter, project, instrument and a key-value pair."""
    return [
        {"destinationTable": "Transactions.submitter", "value": 10},
        {"destinationTable": "Transactions.project", "value": "1234a"},
        {"destinationTable": "Transactions.instrument", "value": 54},
        {"destinationTable": "TransactionKeyValue", "key": "Tag", "value": "test"},
    ]


def file_entry(path: str, content: bytes, **changes: Any) -> Entry:
    """Return the entry of one file, correct unless `changes` make it wrong."""
    folder, _, name = path.rpartition("/")
    entry = {
        "destinationTable": "Files",
        "name": name,
        "subdir": folder,
        "size": len(content),
        "hashtype": "sha1",
        "hashsum": hashlib.sha1(content).hexdigest(),
        "mimetype": "application/octet-stream",
        "mtime": "2026-11-23T10:00:00",
        "ctime": "2026-11-23T10:00:00",
    }
    return entry | changes


def metadata_of(contents: Mapping[str, bytes]) -> list[Entry]:
    """Return the metadata of a bundle with these contents."""
    return [*transaction(), *(file_entry(path, content) for path, content in contents.items())]


def make_tar(members: Mapping[str, bytes], path: Path | None = None, tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar of the members, in their order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    if path is not None:
        path.write_bytes(buffer.getvalue())
    return buffer.getvalue()


def make_bundle(
    contents: Mapping[str, bytes] = CONTENTS, metadata: Sequence[Entry] | bytes | None = None, path: Path | None = None
) -> bytes:
    """Return a bundle: the contents, and metadata (correct unless other metadata is given) as its last member."""
    document = metadata_of(contents) if metadata is None else metadata
    encoded = document if isinstance(document, bytes) else json.dumps(document).encode()
    return make_tar({**contents, "metadata.txt": encoded}, path)
