"""Files and folders that survive a loss of power: in the spool, in the built-in archive, and of tokens."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Open the file that is to be renamed to `path`, empty; it is removed again if the `with` block raises.

    Raises BlockingIOError when another process writes it.
    """
    name = part_path(path)
    with os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666), "wb", buffering=0) as part:
        _lock(part, name)
        os.ftruncate(part.fileno(), 0)
        try:
            yield part
        except BaseException:
            # A disk that is full would stay so.
            name.unlink(missing_ok=True)
            raise


def remove_part(path: Path) -> None:
    """Remove what a kill left of writing `path`, if there is any; raises BlockingIOError if it is being written."""
    try:
        part = part_path(path).open("rb")
    except FileNotFoundError:
        return
    with part:
        _lock(part, part_path(path))
        part_path(path).unlink()


def is_being_written(path: Path) -> bool:
    """Whether a process is writing the file that is to be renamed to `path`.

    To be asked of old ones only: a process that begins in this very moment is told that another one writes the file.
    """
    try:
        with part_path(path).open("rb") as part:
            _lock(part, part_path(path))
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def part_path(path: Path) -> Path:
    """Give the name that a file has while it is written."""
    return path.with_name(f".{path.name}.part")


def write_all(file: BinaryIO, block: bytes | bytearray) -> None:
    """Write a block to an unbuffered file, which may take it in pieces."""
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


def move_file(source: Path, path: Path) -> None:
    """Rename a file, its contents synced; raises OSError (EXDEV) when the two lie on different devices."""
    with open_regular(source) as file:
        os.fsync(file.fileno())
    if path.exists() and source.samefile(path):
        # Renaming one of two links of a file to the other does nothing at all.
        source.unlink()
    else:
        source.rename(path)


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, unbuffered; raises OSError for a link and for all else, none of which is waited for."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return file


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing, each synced into its parent."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(part: BinaryIO, name: Path) -> None:
    # An older process of the same job may be alive still. Two that write one file would mix their blocks, and one whose
    # part is removed would rename the part of the other. The kernel lets go of the lock when a process is killed.
    try:
        fcntl.flock(part.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = os.path.samestat(os.fstat(part.fileno()), name.stat())
    except (BlockingIOError, FileNotFoundError):
        mine = False
    if not mine:
        raise BlockingIOError(errno.EAGAIN, f"another process is writing {name}")
