"""Writes files and folders that survive a loss of power: in the spool, in the built-in archive, and the token file."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ingest.system.linux import link_open_file


@contextmanager
def writing(path: str | Path) -> Iterator[BinaryIO]:
    """Open an empty partial file, which the caller renames to `path`; remove it if the `with` block raises.

    Raises BlockingIOError if another process is writing it.
    """
    name = part_name(path)
    with os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666), "wb", buffering=0) as part:
        # ext4 writes a file that was truncated to the disk when it is closed, each small file by itself.
        if _lock(part, name).st_size:
            os.ftruncate(part.fileno(), 0)
        try:
            yield part
        except BaseException:
            # A full disk would stay full otherwise.
            with suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108
            raise


def remove_part(path: Path) -> None:
    """Remove the partial file of `path` that a killed process left, if any; raise BlockingIOError if it is being written."""
    try:
        part = part_path(path).open("rb")
    except FileNotFoundError:
        return
    with part:
        _lock(part, part_name(path))
        part_path(path).unlink()


def is_being_written(path: Path) -> bool:
    """Return whether a process is writing the partial file of `path`.

    Check old files only: the check takes the lock for a moment, and a process that begins to write then gets
    BlockingIOError.
    """
    try:
        with part_path(path).open("rb") as part:
            _lock(part, part_name(path))
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def part_path(path: Path) -> Path:
    """Return the path that a file has while it is being written."""
    return Path(part_name(path))


def part_name(path: str | Path) -> str:
    """Return `part_path` as a text: the archive writes a million files, and making paths takes longer than system calls."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.part")  # noqa: PTH118


def write_all(file: BinaryIO, block: bytes | bytearray) -> None:
    """Write a block to an unbuffered file, which may accept it in parts."""
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


def link_file(file: BinaryIO, path: Path) -> bool:
    """Sync an open file and link it to `path`, replacing a file there; return False if it cannot be linked.

    A file cannot be linked to another device, on a file system without hard links, or if another account owns the file
    (fs.protected_hardlinks).
    """
    os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _link(file, path, folder)
    finally:
        os.close(folder)


def _link(file: BinaryIO, path: Path, folder: int) -> bool:
    try:
        link_open_file(file.fileno(), path.name, folder)
    except FileExistsError:
        if os.path.samestat(os.fstat(file.fileno()), path.lstat()):
            return True
        path.unlink()
        return _link(file, path, folder)
    except OSError:
        return False
    return True


def copy_file(file: BinaryIO, path: Path, block_size: int) -> None:
    """Copy an open file to a new one and sync it; the copy has the same permissions and, if possible, the same owner."""
    found = os.fstat(file.fileno())
    file.seek(0)
    with path.open("xb", buffering=0) as copy:
        while block := file.read(block_size):
            write_all(copy, block)
        with suppress(PermissionError):
            os.fchown(copy.fileno(), found.st_uid, found.st_gid)
        os.fchmod(copy.fileno(), stat.S_IMODE(found.st_mode) & 0o777)
        os.fsync(copy.fileno())


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, and sync the name of each in its parent."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(part: BinaryIO, name: str) -> os.stat_result:
    """Lock a partial file and return its status; raise BlockingIOError if another process has it."""
    # An older process of the same job may still run. Two processes that write one file would mix their blocks, and one whose
    # partial file was removed would rename that of the other. The kernel releases the lock when a process is killed.
    try:
        fcntl.flock(part.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(part.fileno())
        if os.path.samestat(found, os.stat(name)):  # noqa: PTH116
            return found
    except (BlockingIOError, FileNotFoundError):
        pass
    raise BlockingIOError(errno.EAGAIN, f"another process is writing {name}")
