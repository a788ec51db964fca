"""Checks and completes `FileKeyValue` entries: a key and a value for one file, named by its path.

Called by `ingest.bundles.bundle_metadata`. The metadata service accepts any `file_id`, also of another user's file. So
uploaders name a path, and this service adds the id of that file of the same job.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from ingest.bundles.metadata_document import Entry
from ingest.bundles.names import CONTROLS, DATA_FOLDER, is_too_long, relative_path
from ingest.bundles.passed_on import passed_on
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidMetadata

# The entries that are in memory at a time: their number, and the characters of their texts.
BATCH = 1000
BATCH_CHARACTERS = 1024 * 1024
VALUES = (str, int, float)
EXAMPLE = '"path": "data/run/results.csv"'

# Returns the ids of the job's files by their paths below `data/`, as `ingest.ledger.files.ids_by_path` does.
FileIds = Callable[[Sequence[str]], Mapping[str, int | None]]


def path_of_value(entry: Entry) -> str:
    """Return the path below `data/` that an entry names; raise InvalidMetadata if the entry is invalid."""
    if "file_id" in entry:
        sentence = (
            f'"file_id" is set by the service; name the file by its path in the bundle instead, such as {EXAMPLE}'
        )
        raise InvalidMetadata(sentence, FaultCode.FILE_ID_GIVEN)
    if not isinstance(entry.get("key"), str) or not isinstance(entry.get("value"), VALUES):
        raise InvalidMetadata('"key" must be a text, "value" a text or a number', FaultCode.VALUE_MALFORMED)
    path = entry.get("path")
    if not isinstance(path, str):
        raise InvalidMetadata(
            f'"path" must be the path of a file in the bundle, such as {EXAMPLE}', FaultCode.PATH_MALFORMED
        )
    if CONTROLS.search(path):
        raise InvalidMetadata('"path" contains a control character', FaultCode.PATH_HOLDS_CONTROLS)
    relative = relative_path(path)
    if relative is None or not path.removeprefix("./").startswith(f"{DATA_FOLDER}/"):
        raise InvalidMetadata(f'"path" must begin with data/, such as {EXAMPLE}', FaultCode.PATH_OUTSIDE_DATA)
    if is_too_long(relative):
        raise InvalidMetadata('"path" is longer than the path of a file may be', FaultCode.PATH_TOO_LONG)
    return relative


class FileValues:
    """Adds the ids of files to entries, in batches, because each look-up is a query."""

    def __init__(self, file_ids: FileIds) -> None:
        self._file_ids = file_ids
        self._waiting: list[tuple[str, Entry]] = []
        self._characters = 0

    def add(self, entry: Entry) -> Iterator[Entry]:
        """Add a checked entry; yield the entries of a batch when it is full."""
        path = path_of_value(entry)
        self._waiting.append((path, entry))
        self._characters += len(path) + len(entry["key"]) + len(str(entry["value"]))
        if len(self._waiting) >= BATCH or self._characters >= BATCH_CHARACTERS:
            yield from self.remaining()

    def remaining(self) -> Iterator[Entry]:
        """Complete and yield the entries that still have no id."""
        waiting, self._waiting, self._characters = self._waiting, [], 0
        if not waiting:
            return
        found = self._file_ids([path for path, _ in waiting])
        for path, entry in waiting:
            file_id = found.get(path)
            if file_id is None:
                raise ValueError("the ledger has no id for a file of the metadata: load_metadata must come first")
            yield passed_on({**entry, "file_id": file_id})
