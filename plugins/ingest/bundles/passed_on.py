"""The tables and keys of the metadata that are passed on to policy and the catalog.

Called by `ingest.bundles.bundle_metadata`. The metadata service inserts everything that an entry names, so an entry that
could name another transaction, file or user must never reach it. Tables and keys that are not in `KEYS` are omitted: the
stock uploader uses them for its own window (`NothingReally`, `displayTitle`, `query_results`).
"""

from collections import Counter

from ingest.bundles.metadata_document import Entry
from ingest.system.sanitize import quote_name

TABLE = "destinationTable"
FILES = "Files"
FILE_VALUES = "FileKeyValue"
TRANSACTION = "Transactions."
TRANSACTION_ID = f"{TRANSACTION}_id"
# The keys of each table: those that Metadata 0.13.0 reads, and the source of a moved file.
KEYS = {
    **{f"{TRANSACTION}{name}": frozenset({TABLE, "value"}) for name in ("_id", "submitter", "project", "instrument")},
    "TransactionKeyValue": frozenset({TABLE, "key", "value"}),
    FILE_VALUES: frozenset({TABLE, "key", "value", "file_id"}),
    FILES: frozenset(
        {TABLE, "_id", "name", "subdir", "size", "hashtype", "hashsum", "mimetype", "mtime", "ctime", "source"}
    ),
}
# The number of tables that an event names.
MAX_NAMED = 20


def passed_on(entry: Entry) -> Entry:
    """Return an entry of a known table with only the keys that are passed on."""
    keys = KEYS[entry[TABLE]]
    return {key: value for key, value in entry.items() if key in keys}


class LeftOutEntries:
    """Counts the entries that are not passed on, by table; the names of only a few tables are kept."""

    def __init__(self) -> None:
        self._tables: Counter[str] = Counter()
        self._count = 0

    def add(self, table: str) -> None:
        """Count an entry of a table that is not passed on."""
        self._count += 1
        shown = quote_name(table)
        if shown in self._tables or len(self._tables) < MAX_NAMED:
            self._tables[shown] += 1

    def __str__(self) -> str:
        """Return the tables with the numbers of their entries; empty when every entry is passed on."""
        named = [f"{table} ({count})" for table, count in self._tables.items()]
        more = self._count - self._tables.total()
        return ", ".join([*named, f"others ({more})"] if more else named)
