"""Documents that are no list of objects in JSON."""

from pathlib import Path

from ingest.errors import InvalidMetadata
from ingest.fault_codes import Fault
from ingest.states import Kind, Stage
from tests.bundles import make_tar
from tests.corpus.case import Build, Case, Refused


def bundle_with(metadata: bytes | None) -> Build:
    """A bundle with one file and this as its metadata.txt."""

    def build(path: Path) -> None:
        make_tar({"data/a": b"a"} | ({} if metadata is None else {"metadata.txt": metadata}), path)

    return build


def document(content: bytes) -> Build:
    """A move document."""

    def build(path: Path) -> None:
        path.write_bytes(content)

    return build


CASES: list[Case] = [
    Refused(
        "metadata is missing",
        bundle_with(None),
        Stage.LOAD_METADATA,
        InvalidMetadata,
        (Fault.METADATA_MISSING,),
        ("the bundle has no metadata.txt",),
    ),
    Refused(
        "move document is no list",
        document(b'{"destinationTable": "Files"}'),
        Stage.LOAD_METADATA,
        InvalidMetadata,
        (Fault.METADATA_NOT_LIST,),
        ("must be a JSON list of objects",),
        kind=Kind.MOVE,
    ),
]
