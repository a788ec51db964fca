"""Reads metadata.txt and move documents entry by entry, checks them and completes them for policy and the catalog.

Called by the stages. The document is a JSON list of objects; each names its `destinationTable`. It is read as a stream
(`ingest.bundles.metadata_document`), so that a list of a million files is never in memory as a whole.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from ingest.bundles.bundle import DATA_FOLDER, relative_path
from ingest.bundles.file_values import FileIds, FileValues, path_of_value
from ingest.bundles.metadata_document import Entry, objects
from ingest.bundles.metadata_entries import TIMES, DeclaredFile, declared_file, size_of, whole_number
from ingest.bundles.passed_on import (
    FILE_VALUES,
    FILES,
    KEYS,
    TABLE,
    TRANSACTION,
    TRANSACTION_ID,
    LeftOutEntries,
    passed_on,
)
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidMetadata
from ingest.states.stages import Kind

SUBMITTER = f"{TRANSACTION}submitter"
# The tables with exactly one entry for each transaction.
TRANSACTION_VALUES = frozenset(table for table in KEYS if table.startswith(TRANSACTION))
VALUES = frozenset({str, int, float})


@dataclass(frozen=True)
class ArchivedAs:
    """The values that the ledger adds to the entry at `position`; `path` is the file's path below `data/`."""

    position: int
    path: str
    file_id: int
    hash_type: str
    hash_sum: str


def entries(document: BinaryIO, faults: FaultList) -> Iterator[tuple[int, Entry]]:
    """Yield each entry with its index in the list; add invalid ones to `faults`.

    Raises InvalidMetadata with all faults so far where reading cannot continue.
    """
    for position, entry in objects(document, faults):
        if isinstance(entry.get(TABLE), str):
            yield position, entry
        else:
            faults.add(FaultCode.ENTRY_WITHOUT_TABLE, f'entry {position}: "{TABLE}" must be a text')


class MetadataReader:
    """Reads a document once: yields its files, collects its faults, and keeps the transaction's values to show them.

    With `below_data`, every `subdir` is a path below `data/`, even if it begins with a folder of that name.
    """

    def __init__(self, document: BinaryIO, kind: Kind, job_id: int, *, below_data: bool = False) -> None:
        self._document = document
        self._is_move = kind is Kind.MOVE
        self._job_id = job_id
        self.is_below_data = below_data
        self.faults = FaultList()
        self.transaction: dict[str, Any] = {}
        self.left_out = LeftOutEntries()
        self.has_file_values = False

    def files(self) -> Iterator[DeclaredFile]:
        """Yield the declared files in order, and collect faults.

        Raises InvalidMetadata with all faults so far where reading cannot continue.
        """
        is_move, below_data = self._is_move, self.is_below_data
        for position, entry in entries(self._document, self.faults):
            table = entry[TABLE]
            if table == FILES:
                file = declared_file(position, entry, self.faults, is_move=is_move, below_data=below_data)
                if file is not None:
                    yield file
            elif table in TRANSACTION_VALUES:
                self._transaction_value(position, entry)
            elif table == FILE_VALUES:
                self._file_value(position, entry)
            elif table not in KEYS:
                self.left_out.add(table)

    def _file_value(self, position: int, entry: Entry) -> None:
        self.has_file_values = True
        try:
            path_of_value(entry)
        except InvalidMetadata as error:
            self.faults.take(error, f"entry {position} ({FILE_VALUES}): ")

    def _transaction_value(self, position: int, entry: Entry) -> None:
        name = entry[TABLE].removeprefix(TRANSACTION)
        value = whole_number(entry.get("value"))
        if entry[TABLE] == TRANSACTION_ID and str(value) != str(self._job_id):
            sentence = f"entry {position}: {TRANSACTION_ID} is assigned by the service; leave it out"
            self.faults.add(FaultCode.TRANSACTION_ID_GIVEN, sentence)
        elif type(value) not in VALUES:
            sentence = f'entry {position}: "value" of {entry[TABLE]} must be a text or a number'
            self.faults.add(FaultCode.VALUE_MALFORMED, sentence)
        if name in self.transaction and self.transaction[name] != value:
            sentence = f"entry {position}: {entry[TABLE]} is repeated with a different value"
            self.faults.add(FaultCode.ENTRY_TWICE, sentence)
        self.transaction[name] = value


def submitters(document: BinaryIO) -> frozenset[str]:
    """Return all values of `Transactions.submitter` in a document, as texts."""
    found = (entry for _, entry in entries(document, FaultList()) if entry[TABLE] == SUBMITTER)
    return frozenset(str(whole_number(entry.get("value"))) for entry in found)


def annotated_paths(document: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yield the path below `data/` that each `FileKeyValue` of a document without faults names, with its position."""
    for position, entry in entries(document, FaultList()):
        if entry[TABLE] == FILE_VALUES:
            yield position, path_of_value(entry)


def completed(
    document: BinaryIO,
    job_id: int,
    files: Iterable[ArchivedAs],
    file_ids: FileIds,
    *,
    for_catalog: bool,
    with_files: bool = True,
) -> Iterator[Entry]:
    """Yield the entries for policy or the catalog: with ids, and with an entry for the transaction's id.

    `FileKeyValue` entries come later than in the document.

    Args:
        document: Metadata in which `MetadataReader` found no faults.
        job_id: The id of the job and of the transaction.
        files: The values that the ledger adds to each `Files` entry, in the order of the entries.
        file_ids: Looks up the ids of the job's files by their paths.
        for_catalog: Whether `subdir` becomes the folder below `data/`, as in the original service
            (pacifica.ingest.tarutils.get_clipped).
        with_files: Whether the entries of files and their values are yielded.
    """
    archived, faults, file_values = iter(files), FaultList(), FileValues(file_ids)
    wanted = KEYS.keys() - {TRANSACTION_ID} - (set() if with_files else {FILES, FILE_VALUES})
    for _, entry in entries(document, faults):
        table = entry[TABLE]
        if table not in wanted:
            continue
        if table == FILE_VALUES:
            yield from file_values.add(entry)
            continue
        if table == FILES:
            _complete_file(entry, next(archived, None), for_catalog=for_catalog)
        elif table in TRANSACTION_VALUES:
            entry["value"] = whole_number(entry["value"])
        yield passed_on(entry)
    faults.raise_as(InvalidMetadata)
    yield from file_values.remaining()
    yield {TABLE: TRANSACTION_ID, "value": job_id}


def _complete_file(entry: Entry, added: ArchivedAs | None, *, for_catalog: bool) -> None:
    """Add the ledger's values to a `Files` entry, and convert whole numbers to integers."""
    if added is None:
        raise ValueError("the ledger has fewer files than the metadata: load_metadata must come first")
    if for_catalog:
        entry["subdir"] = _folder(added.path, str(entry["name"]))
    entry.update(_id=added.file_id, hashtype=added.hash_type, hashsum=added.hash_sum, size=size_of(entry))
    entry.update((key, whole_number(entry[key])) for key in TIMES if key in entry)


def _folder(path: str, name: str) -> str:
    """Return the part of a path before the name; the name itself may contain folders."""
    plain = relative_path(DATA_FOLDER, name) or name
    return path.removesuffix(plain).rstrip("/") if path.endswith(plain) else ""
