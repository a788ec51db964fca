"""Helpers for the cases of tars."""

import json
from collections.abc import Iterable
from pathlib import Path

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidBundle
from ingest.states.stages import Stage
from tests.corpus.case import Accepted, Build, Refused
from tools.bundles import metadata_of
from tools.tar_blocks import END, file

CONTENT = b"one"
GOOD = file("data/one", CONTENT)


def blocks(*parts: bytes) -> Build:
    """Return a bundle of these bytes."""

    def build(path: Path) -> None:
        path.write_bytes(b"".join(parts))

    return build


def around(*parts: bytes) -> Build:
    """Return a bundle of a valid member, these bytes, and an end."""
    return blocks(GOOD, *parts, END)


def refused(name: str, build: Build, faults: FaultCode | Iterable[FaultCode], *says: str) -> Refused:
    """Return a case that `open_tar` refuses."""
    listed = (faults,) if isinstance(faults, FaultCode) else tuple(faults)
    return Refused(name, build, Stage.OPEN_TAR, InvalidBundle, listed, says)


def accepted(name: str, build: Build, *contents: bytes) -> Accepted:
    """Return a case of a tar that must be accepted, with its metadata."""
    return Accepted(name, build, contents)


def listing(**contents: bytes) -> bytes:
    """Return the metadata, as a member, of files below data/ with these names."""
    listed = metadata_of({f"data/{name}": content for name, content in contents.items()})
    return file("metadata.txt", json.dumps(listed).encode())
