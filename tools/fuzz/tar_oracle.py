"""Invariants of any bytes that are read as a tar; a violation is an AssertionError.

Called by the properties and by the fuzz target.
"""

from pathlib import Path

from ingest.errors.types import InvalidBundle
from tools.fuzz.memory_file import MemoryFile
from tools.fuzz.tar_readers import Read, read_by_gnu_tar, read_by_python, read_by_us


def accepted(path: Path) -> Read | None:
    """Return the members that we read, None if we refuse the tar; any other error than InvalidBundle is a finding."""
    try:
        return read_by_us(path)
    except InvalidBundle:
        return None


def check_tar(file: MemoryFile, tar: bytes, *, gnu_tar: bool) -> bool:
    """Check that other readers read an accepted tar the same; return whether we accept it. `gnu_tar` starts a process."""
    file.write(tar)
    ours = accepted(file.path)
    if ours is None:
        return False
    _check_same(ours, read_by_python(file.path), "tarfile")
    if gnu_tar:
        _check_same(ours, read_by_gnu_tar(tar), "GNU tar")
    return True


def _check_same(ours: Read, theirs: Read, reader: str) -> None:
    assert ours == theirs, f"we read {_shown(ours)}, {reader} reads {_shown(theirs)}"


def _shown(read: Read) -> list[tuple[str | None, int, bytes]]:
    """Return path, size and the beginning of the content, which is enough to see what differs."""
    return [(path, len(content), content[:8]) for path, content in read]
