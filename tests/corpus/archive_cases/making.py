"""How the cases of the tar are written down."""

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
    """A bundle of these bytes."""

    def build(path: Path) -> None:
        path.write_bytes(b"".join(parts))

    return build


def around(*parts: bytes) -> Build:
    """A bundle of a good member, these bytes, and an end."""
    return blocks(GOOD, *parts, END)


def refused(name: str, build: Build, faults: FaultCode | Iterable[FaultCode], *says: str) -> Refused:
    """A tar that cannot be opened."""
    listed = (faults,) if isinstance(faults, FaultCode) else tuple(faults)
    return Refused(name, build, Stage.OPEN_TAR, InvalidBundle, listed, says)


def accepted(name: str, build: Build, *contents: bytes) -> Accepted:
    """A tar that must be taken, with its metadata."""
    return Accepted(name, build, contents)


def listing(**contents: bytes) -> bytes:
    """The metadata, as a member, of files below data/ with these names."""
    listed = metadata_of({f"data/{name}": content for name, content in contents.items()})
    return file("metadata.txt", json.dumps(listed).encode())
