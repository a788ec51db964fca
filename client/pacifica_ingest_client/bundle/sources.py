"""The files to upload: finds them, and reads them so that a change is an error that names the file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from pacifica_ingest_client.errors import NameUnusable, SourceChanged, SourceUnreadable, UsageError

BLOCK = 1024 * 1024
# Files that macOS adds to folders, which nobody means to archive.
OF_MACOS = ("._*", ".DS_Store", "Icon\r")


@dataclass(frozen=True)
class SourceFile:
    """A file as it was listed: its name in the bundle (with slashes), its path on this computer, its size and time."""

    name: str
    path: str
    size: int
    mtime_ns: int
    inode: str

    @property
    def mtime(self) -> int:
        """The time of the last change, in whole seconds since 1970."""
        return self.mtime_ns // 1_000_000_000


def find_files(paths: Iterable[str], exclude: Iterable[str] = ()) -> Iterator[SourceFile]:
    """Yield the files below the given paths, in any order; a name begins with the last part of the given path.

    Symbolic links are followed. Raises SourceUnreadable, NameUnusable, UsageError.
    """
    patterns = (*OF_MACOS, *exclude)
    roots = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 - Path.absolute keeps `..`
    _check_roots(roots)
    for root in roots:
        if root.is_dir():
            yield from _below(root, patterns)
        else:
            yield _listed(root.name, str(root))


def read_source(file: SourceFile, offset: int = 0) -> Iterator[bytes]:
    """Yield the bytes of a file from an offset; raises SourceChanged, SourceUnreadable."""
    try:
        with Path(file.path).open("rb", buffering=0) as opened:
            _check_unchanged(file, opened.fileno())
            opened.seek(offset)
            left = file.size - offset
            while left:
                block = opened.read(min(BLOCK, left))
                if not block:
                    raise SourceChanged(f"{file.path} became shorter while it was read")
                left -= len(block)
                if not left:
                    # Before the last block is passed on, so that no file is complete that changed meanwhile.
                    _check_unchanged(file, opened.fileno())
                yield block
    except FileNotFoundError as error:
        raise SourceChanged(f"{file.path} was removed while it was uploaded") from error
    except OSError as error:
        raise SourceUnreadable(f"{file.path} cannot be read: {error.strerror or error}") from error


def _check_roots(roots: list[Path]) -> None:
    seen: set[str] = set()
    for root in roots:
        if not root.name:
            raise UsageError(f"{root} has no name; give a folder in it")
        if root.name in seen:
            raise UsageError(f"two of the given paths are called {root.name}; upload them separately")
        seen.add(root.name)


def _below(root: Path, patterns: tuple[str, ...]) -> Iterator[SourceFile]:
    """Walk a folder without keeping the names of its files in memory."""
    # The folder's name in the bundle, its path, and the real paths of the folders that contain it.
    waiting: list[tuple[str, str, tuple[str, ...]]] = [(root.name, str(root), ())]
    while waiting:
        name, path, above = waiting.pop()
        real = os.path.realpath(path)
        if real in above:
            raise SourceUnreadable(f"{path} is a link to a folder that contains it; remove it or exclude it")
        for entry in _entries(path):
            if any(fnmatch(entry.name, pattern) for pattern in patterns):
                continue
            within = f"{name}/{entry.name}"
            if _is_folder(entry):
                waiting.append((within, entry.path, (*above, real)))
            else:
                yield _listed(within, entry.path)


def _entries(path: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            yield from entries
    except OSError as error:
        raise SourceUnreadable(f"{path} cannot be listed: {error.strerror or error}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        raise SourceUnreadable(f"{entry.path} cannot be read: {error.strerror or error}") from error


def _listed(name: str, path: str) -> SourceFile:
    try:
        # Not DirEntry.stat: on Windows it returns no inode.
        status = Path(path).stat()
    except OSError as error:
        raise SourceUnreadable(f"{path} cannot be read: {error.strerror or error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise SourceUnreadable(f"{path} is not a regular file; remove it or exclude it")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise NameUnusable(f"{path!a} has a name that is not UTF-8; rename it") from error
    return SourceFile(name, path, status.st_size, status.st_mtime_ns, str(status.st_ino))


def _check_unchanged(file: SourceFile, descriptor: int) -> None:
    """Compare size and time; not the inode, which some network file systems assign again."""
    status = os.fstat(descriptor)
    if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns):
        raise SourceChanged(f"{file.path} changed after it was listed; upload it when no program writes to it")
