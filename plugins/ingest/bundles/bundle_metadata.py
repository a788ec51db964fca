"""metadata.txt and move documents: read entry by entry, checked, and completed for policy and the catalogue.

Called by the stages. The document is a JSON list of objects; each names its `destinationTable`. It is read as a stream
(`ingest.bundles.metadata_document`), because the list of a million files must not lie in memory.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from ingest.bundles.bundle import DATA_FOLDER, relative_path
from ingest.bundles.file_values import FileIds, FileValues, path_of_value
from ingest.bundles.metadata_document import Entry, objects
from ingest.bundles.metadata_entries import TIMES, DeclaredFile, declared_file, size_of, whole_number
from ingest.bundles.passed_on import FILE_VALUES, FILES, KEYS, TABLE, TRANSACTION, TRANSACTION_ID, LeftOut, passed_on
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidMetadata
from ingest.states.stages import Kind

SUBMITTER = f"{TRANSACTION}submitter"
# What a transaction has once.
TRANSACTION_VALUES = frozenset(table for table in KEYS if table.startswith(TRANSACTION))
VALUES = frozenset({str, int, float})


@dataclass(frozen=True)
class ArchivedAs:
    """What the ledger adds to the entry at `position`; `path` is that of the file below `data/`."""

    position: int
    path: str
    file_id: int
    hash_type: str
    hash_sum: str


def entries(document: BinaryIO, faults: FaultList) -> Iterator[tuple[int, Entry]]:
    """Give each entry with its index in the list, and add to `faults` those that are none.

    Raises InvalidMetadata with all faults so far where the document cannot be read on.
    """
    for position, entry in objects(document, faults):
        if isinstance(entry.get(TABLE), str):
            yield position, entry
        else:
            faults.add(FaultCode.ENTRY_WITHOUT_TABLE, f'entry {position}: "{TABLE}" must be a text')


class MetadataReader:
    """Reads a document once: gives its files, collects its faults, and remembers what people want to see of it.

    `below_data`: each `subdir` is taken for a path below `data/`, though it may begin with a folder of that name.
    """

    def __init__(self, document: BinaryIO, kind: Kind, job_id: int, *, below_data: bool = False) -> None:
        self._document = document
        self._is_move = kind is Kind.MOVE
        self._job_id = job_id
        self._below_data = below_data
        self.faults = FaultList()
        self.transaction: dict[str, Any] = {}
        self.left_out = LeftOut()
        self.has_file_values = False

    def files(self) -> Iterator[DeclaredFile]:
        """Give the declared files in order, and collect faults.

        Raises InvalidMetadata with all faults so far where the document cannot be read on.
        """
        is_move, below_data = self._is_move, self._below_data
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
            sentence = f"entry {position}: {TRANSACTION_ID} is given by the service; leave it out"
            self.faults.add(FaultCode.TRANSACTION_ID_GIVEN, sentence)
        elif type(value) not in VALUES:
            sentence = f'entry {position}: "value" of {entry[TABLE]} must be a text or a number'
            self.faults.add(FaultCode.VALUE_MALFORMED, sentence)
        if name in self.transaction and self.transaction[name] != value:
            sentence = f"entry {position}: {entry[TABLE]} stands there twice with different values"
            self.faults.add(FaultCode.ENTRY_TWICE, sentence)
        self.transaction[name] = value


def submitters(document: BinaryIO) -> frozenset[str]:
    """Return every value of `Transactions.submitter` in a document, as a text."""
    found = (entry for _, entry in entries(document, FaultList()) if entry[TABLE] == SUBMITTER)
    return frozenset(str(whole_number(entry.get("value"))) for entry in found)


def annotated_paths(document: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yield the path below `data/` that each `FileKeyValue` of a document without faults names, with its position."""
    for position, entry in entries(document, FaultList()):
        if entry[TABLE] == FILE_VALUES:
            yield position, path_of_value(entry)


def completed(
    document: BinaryIO, job_id: int, files: Iterable[ArchivedAs], file_ids: FileIds, *, for_catalog: bool
) -> Iterator[Entry]:
    """Give the entries as policy and the catalogue want them: with ids, and the transaction's own.

    `FileKeyValue` entries come later than they are listed.

    Args:
        document: Metadata in which `MetadataReader` found no faults.
        job_id: The id of the job, which is the transaction's.
        files: What the ledger adds to each `Files` entry, in their order.
        file_ids: Looks up the ids of the job's files by their paths.
        for_catalog: See below.

    For the catalogue `subdir` is the folder below `data/`, as the original has it (pacifica.ingest.tarutils.get_clipped).
    """
    archived, faults, file_values = iter(files), FaultList(), FileValues(file_ids)
    for _, entry in entries(document, faults):
        table = entry[TABLE]
        if table == TRANSACTION_ID or table not in KEYS:
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
    yield from file_values.rest()
    yield {TABLE: TRANSACTION_ID, "value": job_id}


def _complete_file(entry: Entry, added: ArchivedAs | None, *, for_catalog: bool) -> None:
    """Add what the ledger knows of a file, and write whole numbers as integers."""
    if added is None:
        raise ValueError("the ledger has fewer files than the metadata: load_metadata must come first")
    if for_catalog:
        entry["subdir"] = _folder(added.path, str(entry["name"]))
    entry.update(_id=added.file_id, hashtype=added.hash_type, hashsum=added.hash_sum, size=size_of(entry))
    entry.update((key, whole_number(entry[key])) for key in TIMES if key in entry)


def _folder(path: str, name: str) -> str:
    """Give what stands before the name in a path; the name may hold folders itself."""
    plain = relative_path(DATA_FOLDER, name) or name
    return path.removesuffix(plain).rstrip("/") if path.endswith(plain) else ""
