"""Lists the files in an archive's folder, if this machine can read the folder.

Called by `ingest.operations.reconcile`. The built-in archive lists its own folder; ArchiveInterface has no call for it, so
the folder of its posix storage is read directly.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.database import first_line

SMALL_ID = re.compile(r"file\.([0-9a-f]{1,2})")
HEXADECIMAL = re.compile(r"[0-9a-f]{3,16}")
DIGITS_PER_FOLDER = 2


@dataclass(frozen=True)
class StoredFile:
    """A file in an archive's folder.

    `size` is in bytes; `changed` is the time of its creation or last change, in seconds since the epoch. `file_id` is None
    if the archive never uses such a name; `unfinished` marks a partial file that a process has not finished writing.
    """

    path: Path
    size: int
    changed: float
    file_id: int | None
    unfinished: bool = False


def posix_listing(folder: Path) -> Iterator[StoredFile]:
    """Yield every file in the posix storage of ArchiveInterface; raise ServiceUnavailable if it cannot be read."""
    try:
        for path, found in files_below(folder):
            yield StoredFile(path, found.st_size, found.st_ctime, _posix_id(path.relative_to(folder).as_posix()))
    except OSError as error:
        raise ServiceUnavailable("the archive's folder", str(folder), first_line(error)) from error


def posix_name(file_id: int) -> str:
    """Return the name that ArchiveInterface uses for an id with `use_id2filename`: 123456 (1e240) is `40/e2/1e240`."""
    rest = name = f"{file_id:x}"
    folders = []
    while len(rest) > DIGITS_PER_FOLDER:
        folders.append(rest[-DIGITS_PER_FOLDER:])
        rest = rest[:-DIGITS_PER_FOLDER]
    return "/".join([*folders, name]) if folders else f"file.{name}"


def files_below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield each file below a folder with its status; raise OSError for a folder that cannot be read.

    Files that disappear meanwhile are omitted; a folder that does not exist is empty.
    """
    for parent, _, names in os.walk(folder, onerror=_unless_gone):
        for name in names:
            path = Path(parent, name)
            try:
                yield path, path.lstat()
            except FileNotFoundError:
                continue


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _posix_id(name: str) -> int | None:
    """Return the id of a file by its name in the folder; None if ArchiveInterface never uses such a name."""
    if name.isdecimal() and str(int(name)) == name:
        # Without `use_id2filename`.
        return int(name)
    last = name.rpartition("/")[2]
    found = SMALL_ID.fullmatch(name) or HEXADECIMAL.fullmatch(last)
    file_id = int(found[found.lastindex or 0], 16) if found else None
    return file_id if file_id is not None and posix_name(file_id) == name else None
