"""Compare a folder with the files of a receipt: which differ, which are missing, which are extra.

The receipt's files are kept in a temporary database on the disk, so that memory is flat.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from tempfile import gettempdir

from .receipt import InvalidReceipt, ReceiptFile

BLOCK = 1024 * 1024
SCHEMA = """
CREATE TABLE file (
    path TEXT PRIMARY KEY, size INTEGER, hash_type TEXT, hash_sum TEXT, is_found INTEGER DEFAULT 0
) WITHOUT ROWID
"""
DIFFERS, MISSING, EXTRA = "differs", "missing", "extra"


@dataclass(frozen=True)
class Difference:
    """A file that is not the same in the folder and in the archive; `kind` is `differs`, `missing` or `extra`."""

    kind: str
    path: str
    reason: str


def compare(folder: Path, files: Iterable[ReceiptFile], exclude: tuple[str, ...] = ()) -> Iterator[Difference]:
    """Yield the differences; every file is read and hashed, except those whose name matches a pattern in `exclude`.

    If the receipt has files below a folder of the same name, as after an upload of that folder, they are compared with it;
    otherwise all files of the receipt. Raises InvalidReceipt before the first difference, OSError also if the disk is full.
    """
    # An empty name is a temporary database, which SQLite keeps in a file without a name.
    with _errors_of_database(), closing(sqlite3.connect("")) as database:
        database.execute(SCHEMA)
        rows = ((each.path, each.size, each.hash_type, each.hash_sum) for each in files)
        database.executemany("INSERT INTO file (path, size, hash_type, hash_sum) VALUES (?, ?, ?, ?)", rows)
        prefix = _prefix(database, folder)
        for path in _paths(folder, exclude):
            yield from _compare_file(database, folder, prefix, path)
        yield from _missing(database, prefix)


@contextmanager
def _errors_of_database() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise InvalidReceipt("the receipt names a file twice") from error
    except sqlite3.Error as error:
        raise OSError(errno.EIO, f"the temporary database of the comparison failed: {error}", gettempdir()) from error


def _prefix(database: sqlite3.Connection, folder: Path) -> str:
    """Return what the paths of the receipt have in front of those in the folder."""
    name = f"{folder.resolve().name}/"
    is_used = database.execute("SELECT 1 FROM file WHERE substr(path, 1, ?) = ?", (len(name), name)).fetchone()
    return name if is_used else ""


def _compare_file(database: sqlite3.Connection, folder: Path, prefix: str, path: str) -> Iterator[Difference]:
    name = prefix + path
    # A name that is not Unicode cannot be in the archive.
    is_text = not any("\udc80" <= each <= "\udcff" for each in name)
    query = "SELECT size, hash_type, hash_sum FROM file WHERE path = ?"
    found = database.execute(query, (name,)).fetchone() if is_text else None
    if found is None:
        yield Difference(EXTRA, name, "it is not in the receipt")
        return
    database.execute("UPDATE file SET is_found = 1 WHERE path = ?", (name,))
    reason = _difference(folder / path, *found)
    if reason:
        yield Difference(DIFFERS, name, reason)


def _difference(path: Path, size: int, hash_type: str, hash_sum: str) -> str:
    """Return how a file differs from the archived one; an empty text if it does not."""
    try:
        if not path.is_file():
            return "it is no regular file"
        if path.stat().st_size != size:
            return f"it has {path.stat().st_size} bytes; archived were {size}"
        digest = hashlib.new(hash_type)
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
        return "" if digest.hexdigest() == hash_sum.lower() else f"its {hash_type} differs"
    except (OSError, ValueError) as error:
        return f"it cannot be compared: {error}"


def _missing(database: sqlite3.Connection, prefix: str) -> Iterator[Difference]:
    query = "SELECT path FROM file WHERE NOT is_found AND substr(path, 1, ?) = ? ORDER BY path"
    for (path,) in database.execute(query, (len(prefix), prefix)):
        yield Difference(MISSING, path, "it is in the archive, but not in the folder")


def _paths(folder: Path, exclude: tuple[str, ...]) -> Iterator[str]:
    """Yield the paths of all files below a folder, relative to it, with slashes; links are followed, as by an upload."""
    for name, folders, files in os.walk(folder, onerror=_raise, followlinks=True):
        folders[:] = sorted(each for each in folders if not _matches(each, exclude))
        for each in sorted(files):
            if not _matches(each, exclude):
                yield Path(name, each).relative_to(folder).as_posix()


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _raise(error: OSError) -> None:
    raise error
