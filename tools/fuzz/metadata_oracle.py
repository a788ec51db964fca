"""Invariants of any bytes that are read as metadata.txt or as a move document; a violation is an AssertionError.

Called by the properties and by the fuzz target.
"""

import io
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from ingest.bundles.bundle import DATA_FOLDER, relative_path
from ingest.bundles.bundle_metadata import ArchivedAs, MetadataReader, completed, entries
from ingest.bundles.metadata_entries import DeclaredFile
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidMetadata
from ingest.states.stages import Kind
from tools.fuzz.json_in_python import loads

JOB = 7
CONTROLS = re.compile("[\0-\x1f\x7f-\x9f]")
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
Entry = dict[str, Any]


class InPieces(io.BytesIO):
    """A document that comes in small pieces, as a file may be read."""

    # The encoding is detected from the beginning.
    FIRST = 16
    MOST_PIECES = 16

    def read(self, size: int | None = -1) -> bytes:
        """See `io.BytesIO.read`; returns at most one piece."""
        piece = max(self.FIRST if self.tell() == 0 else 1, len(self.getbuffer()) // self.MOST_PIECES)
        return super().read(piece if size is None or size < 0 else min(piece, size))


def accepted(document: io.BytesIO) -> list[Entry] | None:
    """Return the entries that we read, None if we refuse the document; anything but InvalidMetadata is a finding."""
    faults = FaultList()
    try:
        found = list(entries(document, faults))
        faults.raise_as(InvalidMetadata)
    except InvalidMetadata:
        return None
    assert [position for position, _ in found] == list(range(len(found)))
    return [entry for _, entry in found]


def check_metadata(document: bytes) -> bool:
    """Check that `json` reads an accepted document the same, and its declared files; return whether we accept it."""
    # First, so that the fuzzer sees which branches of the syntax a document takes.
    theirs = _by_python(document)
    ours = accepted(io.BytesIO(document))
    in_pieces = accepted(InPieces(document))
    assert repr(in_pieces) == repr(ours), f"we read {ours!r}, and in pieces {in_pieces!r}"
    if ours is None:
        return False
    # repr distinguishes 1 from 1.0 and True, and -0.0 from 0.0.
    assert repr(ours) == repr(theirs), f"we read {ours!r}, json reads {theirs!r}"
    for kind in Kind:
        _check_reader(document, kind)
    return True


def _by_python(document: bytes) -> Any:
    try:
        return loads(document.decode())
    except (ValueError, RecursionError) as error:
        return error


def _check_reader(document: bytes, kind: Kind) -> None:
    files = declared_files(document, kind)
    if files is not None:
        for file in files:
            check_path(file.path)
            assert not CONTROLS.search(file.path), f"{file.path!r} contains a control character"
            assert file.size is not None
            assert file.size >= 0
            assert kind is Kind.INGEST or (file.source or "").startswith("/")
        check_completed(document, files, kind)


def declared_files(document: bytes, kind: Kind) -> list[DeclaredFile] | None:
    """Return the files that a document declares; None where it has faults."""
    reader = MetadataReader(io.BytesIO(document), kind, JOB)
    try:
        files = list(reader.files())
    except InvalidMetadata:
        return None
    return None if reader.faults else files


def check_path(path: str) -> None:
    """Check that a path is relative, normalized and storable, and stays below `data/`."""
    parts = path.split("/")
    assert not {"", ".", ".."} & set(parts), f"{path!r} is no plain path"
    assert not UNSTORABLE.search(path), f"{path!r} holds NUL or a surrogate"
    assert relative_path(DATA_FOLDER, path) == path, f"{path!r} means something else below data/"


def check_completed(document: bytes, files: Iterable[DeclaredFile], kind: Kind) -> None:
    """Check that the completed document declares the same files, and that completing it again changes nothing."""
    archived = [
        ArchivedAs(file.position, file.path, 100 + n, file.hash_type, file.hash_sum) for n, file in enumerate(files)
    ]
    found_once = list(completed(io.BytesIO(document), JOB, archived, _ids, for_catalog=False))
    # Completed entries with a `file_id` are removed, because uploaders must not set it.
    once = [entry for entry in found_once if "file_id" not in entry]
    again = list(completed(io.BytesIO(json.dumps(once).encode()), JOB, archived, _ids, for_catalog=False))
    assert repr(again) == repr(once), f"completed twice it is {again!r}, once it is {once!r}"
    found = declared_files(json.dumps(once).encode(), kind)
    assert found is not None
    assert [_meaning(file) for file in found] == [_meaning(file) for file in files]


def _ids(paths: Sequence[str]) -> dict[str, int | None]:
    """Return an id for any path; only the ledger knows which paths are listed."""
    return dict.fromkeys(paths, 1)


def _meaning(file: DeclaredFile) -> tuple[str, int | None, str, str, str | None]:
    return file.path, file.size, file.hash_type, file.hash_sum, file.source
