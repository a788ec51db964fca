"""What of the metadata is passed on to policy and the catalog: entries and keys of the job's own, and no others.

Called by `ingest.bundles.bundle_metadata`. The metadata service inserts whatever an entry names, so an entry that could name
another transaction, file or user never reaches it. What is not in `KEYS` is left out: the stock uploader keeps there what
only its own window needs (`NothingReally`, `displayTitle`, `query_results`).
"""

from collections import Counter

from ingest.bundles.metadata_document import Entry
from ingest.system.sanitize import quote_name

TABLE = "destinationTable"
FILES = "Files"
FILE_VALUES = "FileKeyValue"
TRANSACTION = "Transactions."
TRANSACTION_ID = f"{TRANSACTION}_id"
# The keys of each table, which are those that Metadata 0.13.0 reads, and where the file of a move was.
KEYS = {
    **{f"{TRANSACTION}{name}": frozenset({TABLE, "value"}) for name in ("_id", "submitter", "project", "instrument")},
    "TransactionKeyValue": frozenset({TABLE, "key", "value"}),
    FILE_VALUES: frozenset({TABLE, "key", "value", "file_id"}),
    FILES: frozenset(
        {TABLE, "_id", "name", "subdir", "size", "hashtype", "hashsum", "mimetype", "mtime", "ctime", "source"}
    ),
}
# How many tables an event names.
NAMED = 20


def passed_on(entry: Entry) -> Entry:
    """Return an entry of a known table with those of its keys that are passed on."""
    keys = KEYS[entry[TABLE]]
    return {key: value for key, value in entry.items() if key in keys}


class LeftOut:
    """Counts the entries that are not passed on, by their table; the names of only a few tables are kept."""

    def __init__(self) -> None:
        self._tables: Counter[str] = Counter()
        self._count = 0

    def add(self, table: str) -> None:
        """Count an entry of a table that is not passed on."""
        self._count += 1
        shown = quote_name(table)
        if shown in self._tables or len(self._tables) < NAMED:
            self._tables[shown] += 1

    def __str__(self) -> str:
        """Name the tables and the number of their entries; empty when every entry is passed on."""
        named = [f"{table} ({count})" for table, count in self._tables.items()]
        more = self._count - self._tables.total()
        return ", ".join([*named, f"others ({more})"] if more else named)
