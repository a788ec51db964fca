"""Bundles whose metadata is wrong, and what is said of it."""

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
# Its entries in every bundle: four of the transaction, and then the file's.
FILE = "entry 4 ('a'): "


def bundle_with(metadata: bytes | None) -> Build:
    """A bundle with one file and this as its metadata.txt."""

    def build(path: Path) -> None:
        make_tar({"data/a": CONTENT} | ({} if metadata is None else {"metadata.txt": metadata}), path)

    return build


def document(*entries: Entry) -> bytes:
    """The transaction and these entries."""
    return json.dumps([*transaction(), *entries]).encode()


def file_with(**changes: Any) -> bytes:
    """Metadata of the one file, with changes to its entry."""
    return document(file_entry("data/a", CONTENT, **changes))


def file_saying(text: str) -> bytes:
    """Metadata of the one file, whose entry goes on with this text."""
    return file_with()[:-2] + f", {text}}}]".encode()


def claiming(size: int, beginning: Callable[[], bytes]) -> Build:
    """A bundle whose metadata.txt has this size; what is behind its beginning takes no room on the disk."""

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
    """A case that `load_metadata` refuses with these faults."""
    return Refused(
        f"metadata: {name}",
        bundle_with(build) if isinstance(build, bytes) else build,
        Stage.LOAD_METADATA,
        InvalidMetadata,
        faults,
        (says,) if isinstance(says, str) else says,
        seconds=seconds,
    )
