"""Documents for the tests, and what becomes of them."""

import hashlib
import io
import json
import re

import pytest

from ingest.bundles.bundle_metadata import DeclaredFile, MetadataReader, entries
from ingest.bundles.metadata_document import Entry
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidMetadata
from ingest.states.stages import Kind
from tools.bundles import file_entry

JOB = 77
ONE = b"one\n"
SHA1 = hashlib.sha1(ONE).hexdigest()
X = '{"destinationTable": "x"}'


def encoded(document: object) -> io.BytesIO:
    return io.BytesIO(json.dumps(document).encode())


def parsed(document: bytes | str) -> list[Entry]:
    """The entries of a document; raises InvalidMetadata with all that is wrong with it."""
    faults = FaultList()
    found = [entry for _, entry in entries(as_file(document), faults)]
    faults.raise_as(InvalidMetadata)
    return found


def as_file(document: bytes | str) -> io.BytesIO:
    return io.BytesIO(document.encode() if isinstance(document, str) else document)


def refusal(document: bytes | str) -> str:
    """What is said of a document that is refused; always one line of a length that a person reads."""
    with pytest.raises(InvalidMetadata) as raised:
        parsed(document)
    assert raised.value.text.isprintable()
    assert len(raised.value.text) < 500
    return raised.value.text


def codes(text: str) -> list[str]:
    """The codes of the faults in a text, in order."""
    return re.findall(r"\[(\w+)\](?:; |$)", text)


def reader_of(*listed: Entry, kind: Kind = Kind.INGEST) -> MetadataReader:
    return MetadataReader(encoded(listed), kind, JOB)


def declared(*listed: Entry, kind: Kind = Kind.INGEST) -> list[DeclaredFile]:
    """The files of a document that has no faults."""
    reader = reader_of(*listed, kind=kind)
    found = list(reader.files())
    reader.faults.raise_as(InvalidMetadata)
    return found


def fault_of(*listed: Entry, kind: Kind = Kind.INGEST) -> str:
    """The text of the faults of a document that has some."""
    reader = reader_of(*listed, kind=kind)
    for _ in reader.files():
        pass
    with pytest.raises(InvalidMetadata) as raised:
        reader.faults.raise_as(InvalidMetadata)
    return raised.value.text


def without(key: str) -> Entry:
    entry = file_entry("data/a/one.txt", ONE)
    del entry[key]
    return entry
