"""The folder of a source as an open descriptor, so that no exchanged path can lead elsewhere.

Used by the other modules of moves. An account that can write beside a source can replace a folder by a symbolic link at any
moment. So a folder is opened once (`source_location`), and everything is done relative to the open folder (openat(2)).
"""

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import IngestError, InvalidSource, MoveFolderUnavailable
from ingest.system.linux import link_open_file
from ingest.system.sanitize import quote_name

# Errors that the path or its permissions cause. Every other one (EIO, ESTALE, EMFILE, ...) is a fault of the storage or of
# this machine.
PATH_ERRORS = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENXIO,
        errno.EINVAL,
    }
)


@dataclass(frozen=True)
class SourceFolder:
    """The folder of a source, held open. Every name is that of an entry in it, and no symbolic link is followed."""

    descriptor: int

    def find(self, name: str) -> os.stat_result | None:
        """Return the status of an entry, or None if it does not exist."""
        with suppress(FileNotFoundError):
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        return None

    def open(self, name: str) -> FileIO:
        """Open an entry for reading, without waiting if it is a pipe."""
        return FileIO(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.descriptor))

    def find_file(self, name: str) -> os.stat_result | None:
        """Return the status of an entry, or None if it is not a regular file."""
        found = self.find(name)
        return found if found is not None and stat.S_ISREG(found.st_mode) else None

    def create(self, name: str) -> FileIO:
        """Create a file that only this service can read, in place of one that an earlier process left."""
        self.remove(name)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return FileIO(os.open(name, flags, 0o600, dir_fd=self.descriptor), "r+")

    def link_file(self, file: FileIO, new: str) -> None:
        """Link an open file to a name in this folder; raises FileExistsError."""
        link_open_file(file.fileno(), new, self.descriptor)

    def link(self, name: str, new: str) -> None:
        """Add a second name to an entry; raises FileExistsError."""
        os.link(name, new, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor, follow_symlinks=False)

    def rename(self, name: str, new: str) -> None:
        """Rename an entry."""
        os.rename(name, new, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def remove(self, name: str) -> None:
        """Remove an entry if it exists."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def sync(self) -> None:
        """Write the names in the folder to the disk."""
        readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.descriptor)
        try:
            os.fsync(readable)
        finally:
            os.close(readable)


def open_source(folder: SourceFolder, source: Path) -> FileIO:
    """Open a source; raises InvalidSource, OSError."""
    found = folder.find(source.name)
    # Checked before it is opened: opening a device may have an effect on it.
    if found is not None and not stat.S_ISREG(found.st_mode) and not stat.S_ISLNK(found.st_mode):
        raise _not_regular(source)
    opened = folder.open(source.name)
    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        opened.close()
        raise _not_regular(source)
    return opened


def unreadable(source: Path, error: OSError) -> IngestError:
    """Return the error for a source that cannot be read: InvalidSource, or MoveFolderUnavailable if it may be temporary."""
    sentence = f"source {quote_name(str(source))} cannot be read: {error.strerror}"
    if error.errno in PATH_ERRORS:
        return InvalidSource(sentence, FaultCode.SOURCE_UNREADABLE)
    return MoveFolderUnavailable(sentence)


def _not_regular(source: Path) -> InvalidSource:
    return InvalidSource(f"source {quote_name(str(source))} is not a regular file", FaultCode.SOURCE_NOT_REGULAR)
