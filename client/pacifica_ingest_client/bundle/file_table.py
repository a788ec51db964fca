"""A table of the files to upload, with their hashes: on the disk, so that memory is flat and a restart need not hash again.

SQLite's exclusive lock on it keeps a second process from uploading the same files. The operating system releases the lock
of a killed process, on every platform.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic

from pacifica_ingest_client.bundle.sources import SourceFile
from pacifica_ingest_client.errors import StateUnusable
from pacifica_ingest_client.progress import Progress

SCHEMA = """
CREATE TABLE IF NOT EXISTS file (
    name TEXT PRIMARY KEY, path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode TEXT NOT NULL,
    digest TEXT, is_listed INTEGER NOT NULL
) WITHOUT ROWID
"""
# A file that has changed in any of these loses its hash.
LIST = """
INSERT INTO file (name, path, size, mtime_ns, inode, is_listed) VALUES (?, ?, ?, ?, ?, 1)
ON CONFLICT (name) DO UPDATE SET
    digest = CASE WHEN (path, size, mtime_ns, inode)
        = (excluded.path, excluded.size, excluded.mtime_ns, excluded.inode) THEN digest END,
    path = excluded.path, size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode, is_listed = 1
"""
COLUMNS = "name, path, size, mtime_ns, inode"
BATCH = 1000
Row = tuple[str, bytes, int, int, str, str]
# A kill loses the hashes of at most this time.
COMMIT_SECONDS = 1.0
LOCK_SECONDS = 1.0


class FileTable:
    """The table in one file; only one process at a time can open it."""

    def __init__(self, path: Path, progress: Progress) -> None:
        """Open the table; wait while another process has it open. Raises StateUnusable."""
        self._committed = monotonic()
        try:
            # Without implicit transactions: `commit` ends those that begin here.
            self._connection = sqlite3.connect(str(path), timeout=LOCK_SECONDS, isolation_level=None)
            self._lock(progress)
            self._connection.execute(SCHEMA)
            self._connection.execute("BEGIN")
        except sqlite3.Error as error:
            raise StateUnusable(f"{path} cannot be used: {error}; choose another --state-folder") from error

    def close(self) -> None:
        """Commit, and release the lock."""
        self._connection.execute("COMMIT")
        self._connection.close()

    def clear(self) -> None:
        """Forget all files and their hashes."""
        self._connection.execute("DELETE FROM file")

    def replace(self, files: Iterable[SourceFile]) -> None:
        """Replace the list of files; those that are unchanged keep their hash."""
        self._connection.execute("UPDATE file SET is_listed = 0")
        # A path may contain bytes that are not UTF-8, a name may not.
        rows = ((each.name, os.fsencode(each.path), each.size, each.mtime_ns, each.inode) for each in files)
        self._connection.executemany(LIST, rows)
        self._connection.execute("DELETE FROM file WHERE NOT is_listed")
        self.commit()

    def totals(self) -> tuple[int, int]:
        """Return the number of files and of their bytes."""
        count, size = self._connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM file").fetchone()
        return int(count), int(size)

    def newest(self) -> int:
        """Return the time of the newest file, in seconds since 1970."""
        (newest,) = self._connection.execute("SELECT coalesce(max(mtime_ns), 0) FROM file").fetchone()
        return int(newest) // 1_000_000_000

    def bytes_without_digest(self) -> int:
        """Return the number of bytes that are to be hashed."""
        (size,) = self._connection.execute("SELECT coalesce(sum(size), 0) FROM file WHERE digest IS NULL").fetchone()
        return int(size)

    def without_digest(self) -> Iterator[SourceFile]:
        """Yield the files that are not hashed yet, in the order of their names."""
        for row in self._rows("digest IS NULL", ""):
            yield _source_file(row)

    def files(self, first: str = "") -> Iterator[tuple[SourceFile, str]]:
        """Yield the files in the order of their names, from a name on, each with its hash."""
        for row in self._rows("digest IS NOT NULL", first):
            yield _source_file(row), row[-1]

    def set_digest(self, name: str, digest: str) -> None:
        """Record the hash of a file; it is kept at the latest a second later."""
        self._connection.execute("UPDATE file SET digest = ? WHERE name = ?", (digest, name))
        if monotonic() - self._committed > COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Write everything to the disk."""
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN")
        self._committed = monotonic()

    def _lock(self, progress: Progress) -> None:
        if self._is_locked():
            progress.note("these files are being uploaded by another process; waiting until it ends")
            while self._is_locked():
                pass

    def _is_locked(self) -> bool:
        """Return whether another process still has the table after LOCK_SECONDS; otherwise take the lock."""
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
            # In this mode the lock outlasts the transaction. Two processes that set it before they have the lock would each
            # keep a shared lock, and wait for each other for ever.
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            return True
        return False

    def _rows(self, condition: str, first: str) -> Iterator[Row]:
        """Read in batches, so that the table can be written meanwhile."""
        # The conditions are constants of this class.
        query = f"SELECT {COLUMNS}, digest FROM file WHERE name {{}} ? AND {condition} ORDER BY name LIMIT {BATCH}"  # noqa: S608
        rows = self._connection.execute(query.format(">="), (first,)).fetchall()
        while rows:
            yield from rows
            rows = self._connection.execute(query.format(">"), (rows[-1][0],)).fetchall()


def _source_file(row: Row) -> SourceFile:
    name, path, size, mtime_ns, inode, _ = row
    return SourceFile(name, os.fsdecode(path), size, mtime_ns, inode)
