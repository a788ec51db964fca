"""metadata.txt and move documents: read entry by entry, checked, and completed for policy and the catalogue.

Called by the stages. The document is a JSON list of objects; each names its `destinationTable`. It is parsed as a stream
(ijson), because the list of a million files must not lie in memory.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import ijson

from ingest.bundle import DATA_FOLDER, METADATA_NAME, relative_path
from ingest.errors import InvalidMetadata
from ingest.fault_codes import Fault
from ingest.faults import Faults
from ingest.json_text import JsonText
from ingest.printing import one_line, printable
from ingest.states import Kind

Entry = dict[str, Any]

TABLE = "destinationTable"
FILES = "Files"
TRANSACTION_ID = "Transactions._id"
# What a transaction has once.
TRANSACTION_VALUES = frozenset({"_id", "submitter", "project", "instrument"})
OPENING = frozenset({"start_map", "start_array"})
CLOSING = frozenset({"end_map", "end_array"})
DEEPEST = 64
# Hexadecimal digits of the hashes that the real metadata service knows.
HASH_LENGTHS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}


@dataclass(frozen=True)
class DeclaredFile:
    """A file as the metadata declares it; `position` is its entry's index in the list, `size` is in bytes."""

    position: int
    path: str
    size: int
    hash_type: str
    hash_sum: str
    source: str | None


@dataclass(frozen=True)
class ArchivedAs:
    """What the ledger adds to the entry at `position`; `path` is that of the file below `data/`."""

    position: int
    path: str
    file_id: int
    hash_type: str
    hash_sum: str


def entries(document: BinaryIO) -> Iterator[Entry]:
    """Parse the document, entry by entry; raises InvalidMetadata where it is no JSON list of objects."""
    try:
        events = ijson.parse(_limited(ijson.basic_parse(JsonText(document), use_float=True)))
        if next(events)[1] != "start_array":
            raise InvalidMetadata(f"{METADATA_NAME} must be a JSON list of objects", Fault.METADATA_NOT_LIST)
        for index, entry in enumerate(ijson.items(events, "item")):
            if not isinstance(entry, dict) or not isinstance(entry.get(TABLE), str):
                sentence = f'entry {index} of {METADATA_NAME} must be an object with a "{TABLE}"'
                raise InvalidMetadata(sentence, Fault.ENTRY_MALFORMED)
            yield entry
    except (ijson.JSONError, UnicodeDecodeError, OverflowError, ValueError) as error:
        sentence = f"{METADATA_NAME} is no valid JSON: {printable(one_line(str(error)))}"
        raise InvalidMetadata(sentence, Fault.METADATA_NOT_JSON) from error


def _limited(events: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Pass parser events on; raises ValueError where lists lie in lists so deep that memory would grow without end."""
    depth = 0
    for event in events:
        depth += event[0] in OPENING
        depth -= event[0] in CLOSING
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} deep")
        yield event


class MetadataReader:
    """Reads a document once: gives its files, collects its faults, and remembers what people want to see of it.

    `below_data`: each `subdir` is taken for a path below `data/`, though it may begin with a folder of that name.
    """

    def __init__(self, document: BinaryIO, kind: Kind, job_id: int, *, below_data: bool = False) -> None:
        self._document = document
        self._kind = kind
        self._job_id = job_id
        self._below_data = below_data
        self.faults = Faults()
        self.transaction: dict[str, Any] = {}

    def files(self) -> Iterator[DeclaredFile]:
        """Give the declared files in order; faults are collected, not raised."""
        for position, entry in enumerate(entries(self._document)):
            if entry[TABLE] == FILES:
                if (declared := self._file(position, entry)) is not None:
                    yield declared
            elif (name := entry[TABLE].removeprefix("Transactions.")) in TRANSACTION_VALUES:
                self._transaction_value(position, name, entry)

    def _transaction_value(self, position: int, name: str, entry: Entry) -> None:
        value = entry.get("value")
        if entry[TABLE] == TRANSACTION_ID and str(value) != str(self._job_id):
            sentence = f"entry {position}: {TRANSACTION_ID} is given by the service; leave it out"
            self.faults.add(Fault.TRANSACTION_ID_GIVEN, sentence)
        if name in self.transaction and self.transaction[name] != value:
            sentence = f"entry {position}: {entry[TABLE]} stands there twice with different values"
            self.faults.add(Fault.ENTRY_TWICE, sentence)
        self.transaction[name] = value

    def _file(self, position: int, entry: Entry) -> DeclaredFile | None:
        try:
            path = _path(entry, below_data=self._below_data)
            hash_type, hash_sum = _hash(entry)
            source = _source(entry) if self._kind is Kind.MOVE else None
            return DeclaredFile(position, path, _size(entry), hash_type, hash_sum, source)
        except InvalidMetadata as error:
            self.faults.take(error, f"entry {position} ({printable(str(entry.get('name')))}): ")
            return None


def completed(document: BinaryIO, job_id: int, files: Iterable[ArchivedAs], *, for_catalogue: bool) -> Iterator[Entry]:
    """Give the entries as policy and the catalogue want them: with ids, and the transaction's own.

    For the catalogue `subdir` is the folder below `data/`, as the original has it (pacifica.ingest.tarutils.get_clipped).
    """
    archived = iter(files)
    for entry in entries(document):
        if entry[TABLE] == TRANSACTION_ID:
            continue
        if entry[TABLE] == FILES:
            added = next(archived, None)
            if added is None:
                raise ValueError("the ledger has fewer files than the metadata: load_metadata must come first")
            entry.update(_id=added.file_id, hashtype=added.hash_type, hashsum=added.hash_sum)
            if for_catalogue:
                entry["subdir"] = _folder(added.path, str(entry["name"]))
        yield entry
    yield {TABLE: TRANSACTION_ID, "value": job_id}


def _folder(path: str, name: str) -> str:
    """Give what stands before the name in a path; the name may hold folders itself."""
    plain = relative_path(DATA_FOLDER, name) or name
    return path.removesuffix(plain).rstrip("/") if path.endswith(plain) else ""


def _path(entry: Entry, *, below_data: bool) -> str:
    name, subdir = entry.get("name"), entry.get("subdir", "")
    if not isinstance(name, str) or not isinstance(subdir, str) or not name:
        raise InvalidMetadata('"name" and "subdir" must be texts', Fault.PATH_MALFORMED)
    path = relative_path(DATA_FOLDER, subdir, name) if below_data else relative_path(subdir, name)
    if path is None:
        raise InvalidMetadata('"subdir" and "name" do not make a path below data/', Fault.PATH_MALFORMED)
    return path


def _size(entry: Entry) -> int:
    size = entry.get("size")
    if isinstance(size, bool) or not re.fullmatch(r"[0-9]{1,18}", str(size), re.ASCII):
        raise InvalidMetadata('"size" must be the number of its bytes', Fault.SIZE_MALFORMED)
    return int(str(size))


def _hash(entry: Entry) -> tuple[str, str]:
    hash_type, hash_sum = str(entry.get("hashtype")).lower(), str(entry.get("hashsum")).lower()
    if hash_type not in HASH_LENGTHS:
        sentence = f'"hashtype" must be one of {", ".join(HASH_LENGTHS)}'
        raise InvalidMetadata(sentence, Fault.HASH_TYPE_UNKNOWN)
    hash_sum = hash_sum.removeprefix(f"{hash_type}:")
    if not re.fullmatch(f"[0-9a-f]{{{HASH_LENGTHS[hash_type]}}}", hash_sum):
        sentence = f'"hashsum" must be the {HASH_LENGTHS[hash_type]} hexadecimal digits of its {hash_type}'
        raise InvalidMetadata(sentence, Fault.HASH_MALFORMED)
    return hash_type, hash_sum


def _source(entry: Entry) -> str:
    source = entry.get("source")
    if not isinstance(source, str) or not source.startswith("/") or "\x00" in source:
        raise InvalidMetadata('"source" must be the absolute path that the file lies at', Fault.SOURCE_MALFORMED)
    return source
