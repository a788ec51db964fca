"""Folders of files to upload, and bundles of them. Used by the tests of the client."""

import os
from collections.abc import Mapping
from pathlib import Path

from pacifica_ingest_client.bundle.bundle import Bundle, list_and_hash, make_bundle
from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.bundle.transaction import Transaction
from pacifica_ingest_client.progress import NoProgress

TRANSACTION = Transaction(submitter="10", project="1234a", instrument="54", pairs=[("Tag", "test")])
CONTENTS = {
    "run/one.txt": b"one\n",
    "run/sub/two.bin": bytes(range(256)) * 6000,
    "run/sub/empty": b"",
    "run/block.bin": b"x" * 512,
    "run/日本.txt": "日本\n".encode(),
    "run/it's \"so\" 100% a\\b.txt": b"odd\n",
    f"run/{'d' * 120}/{'n' * 180}.txt": b"long\n",
}  # fmt: skip


def write_files(folder: Path, contents: Mapping[str, bytes] = CONTENTS) -> str:
    """Write files; return the path of the folder `run`."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return str(folder / "run")


def bundle_of(table: FileTable, path: str, folder: Path, transaction: Transaction = TRANSACTION) -> Bundle:
    """Return the bundle of a path; its metadata is in the folder."""
    files = list_and_hash(table, [path], [], NoProgress())
    return make_bundle(table, files, transaction.entries(), folder / "metadata.txt")


def overwrite_unnoticed(path: Path, content: bytes) -> None:
    """Replace the bytes of a file, and keep its size and times."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
