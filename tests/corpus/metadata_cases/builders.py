"""Helpers for bundles with faulty metadata."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidMetadata
from ingest.states.stages import Stage
from tests.corpus.case import Build, Refused
from tools.bundles import Entry, file_entry, make_tar, transaction
from tools.tar_blocks import BLOCK, END, file, header

CONTENT = b"a"
# The entries of every bundle: four of the transaction, then that of the file.
FILE = "entry 4 ('a'): "


def bundle_with(metadata: bytes | None) -> Build:
    """Return a bundle with one file and this metadata.txt."""

    def build(path: Path) -> None:
        make_tar({"data/a": CONTENT} | ({} if metadata is None else {"metadata.txt": metadata}), path)

    return build


def document(*entries: Entry) -> bytes:
    """Return metadata of the transaction and these entries."""
    return json.dumps([*transaction(), *entries]).encode()


def file_with(**changes: Any) -> bytes:
    """Return the metadata of the file with changes to its entry."""
    return document(file_entry("data/a", CONTENT, **changes))


def file_saying(text: str) -> bytes:
    """Return the metadata of the file with this text at the end of its entry."""
    return file_with()[:-2] + f", {text}}}]".encode()


def claiming(size: int, beginning: Callable[[], bytes]) -> Build:
    """Return a bundle whose metadata.txt has this size; after its beginning, the file is sparse."""

    def build(path: Path) -> None:
        content = beginning()
        before = file("data/a", CONTENT) + header("metadata.txt", size)
        with path.open("wb") as bundle:
            bundle.write(before + content)
            bundle.truncate(len(before) + size + -size % BLOCK + len(END))

    return build


def refused(
    name: str, build: Build | bytes, *faults: FaultCode, says: str | tuple[str, ...], seconds: float = 20
) -> Refused:
    """Return a case that `load_metadata` refuses with these faults."""
    return Refused(
        f"metadata: {name}",
        bundle_with(build) if isinstance(build, bytes) else build,
        Stage.LOAD_METADATA,
        InvalidMetadata,
        faults,
        (says,) if isinstance(says, str) else says,
        seconds=seconds,
    )
