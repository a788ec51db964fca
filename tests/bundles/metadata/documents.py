"""Metadata documents for the tests, and their results."""

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
    """Return the entries of a document; raise InvalidMetadata with all faults."""
    faults = FaultList()
    found = [entry for _, entry in entries(as_file(document), faults)]
    faults.raise_as(InvalidMetadata)
    return found


def as_file(document: bytes | str) -> io.BytesIO:
    return io.BytesIO(document.encode() if isinstance(document, str) else document)


def refusal(document: bytes | str) -> str:
    """Return the text of the rejection of a document, which is always one line of readable length."""
    with pytest.raises(InvalidMetadata) as raised:
        parsed(document)
    assert raised.value.text.isprintable()
    assert len(raised.value.text) < 500
    return raised.value.text


def codes(text: str) -> list[str]:
    """Return the fault codes in a text, in order."""
    return re.findall(r"\[(\w+)\](?:; |$)", text)


def reader_of(*listed: Entry, kind: Kind = Kind.INGEST) -> MetadataReader:
    return MetadataReader(encoded(listed), kind, JOB)


def declared(*listed: Entry, kind: Kind = Kind.INGEST) -> list[DeclaredFile]:
    """Return the files of a document without faults."""
    reader = reader_of(*listed, kind=kind)
    found = list(reader.files())
    reader.faults.raise_as(InvalidMetadata)
    return found


def fault_of(*listed: Entry, kind: Kind = Kind.INGEST) -> str:
    """Return the text of the faults of a faulty document."""
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
