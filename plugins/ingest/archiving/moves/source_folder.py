"""The sources of a move: regular files below `move_folders`, reached so that no link can lead elsewhere meanwhile.

Called by `ingest.archiving.moves.move` and `ingest.archiving.moves.restore`. The folder's path is compared with the
folders that the job's user may move files from, before anything is looked up. An account that can write beside a source
can put a symbolic link in the place of a folder at any moment. So the path is resolved and compared again, then opened
one component after the other, no link followed, and held open: what is done there by name is done in that very folder
(openat(2)).
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from ingest.archiving.moves.permissions import RULES, as_written, may_move, may_move_from
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import IngestError, InvalidSource, MoveFolderUnavailable
from ingest.settings.loading import Settings
from ingest.settings.types import folder_of
from ingest.system.linux import link_open_file
from ingest.system.sanitize import quote_name

OURS = ".pacifica-ingest-"
HOME_VARIABLE = "INGEST_HOME"
# A folder is only passed through, so it need not be readable; where there is no O_PATH it must be.
FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


# What the path or its rights are to blame for. Everything else (EIO, ESTALE, EMFILE, ...) is a storage, or we, in need.
WRONG_PATH = frozenset(
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
    """The folder that a source lies in, held open; every name is that of an entry in it, and no link is followed."""

    descriptor: int

    def find(self, name: str) -> os.stat_result | None:
        """Look an entry up; None when there is none."""
        with suppress(FileNotFoundError):
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        return None

    def open(self, name: str) -> FileIO:
        """Open an entry for reading; a pipe is not waited for."""
        return FileIO(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.descriptor))

    def find_file(self, name: str) -> os.stat_result | None:
        """Look an entry up; None when there is none that is a regular file."""
        found = self.find(name)
        return found if found is not None and stat.S_ISREG(found.st_mode) else None

    def create(self, name: str) -> FileIO:
        """Make a new file that only we can read, in the place of what an earlier process left."""
        self.remove(name)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return FileIO(os.open(name, flags, 0o600, dir_fd=self.descriptor), "r+")

    def link_file(self, file: FileIO, new: str) -> None:
        """Link a file that is held open to a name in this folder; raises FileExistsError where the name is taken."""
        link_open_file(file.fileno(), new, self.descriptor)

    def link(self, name: str, new: str) -> None:
        """Give an entry a second name."""
        os.link(name, new, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor, follow_symlinks=False)

    def rename(self, name: str, new: str) -> None:
        """Give an entry another name."""
        os.rename(name, new, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def remove(self, name: str) -> None:
        """Remove an entry; one that is not there is no error."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def sync(self) -> None:
        """Have the names in the folder on the disk when this returns."""
        readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.descriptor)
        try:
            os.fsync(readable)
        finally:
            os.close(readable)


@contextmanager
def source_folder(
    settings: Settings, source: Path, user: str, *, restoring: bool = False, make: bool = False
) -> Iterator[SourceFolder]:
    """Hold the folder of a user's source open; `make` it, where it was removed since.

    `restoring`: the source was taken from there, so that the user need not be permitted to do so any more. Raises
    InvalidSource when nothing may be taken from there, MoveFolderUnavailable when the facility's storage is unavailable.
    """
    try:
        descriptor = _open_below(*_place(settings, source, user, restoring=restoring, make=make), make=make)
    except OSError as error:
        raise unreadable(source, error) from error
    try:
        yield SourceFolder(descriptor)
    finally:
        os.close(descriptor)


def unreadable(source: Path, error: OSError) -> IngestError:
    """Make the error that says why a source cannot be read: InvalidSource, or MoveFolderUnavailable for what may pass."""
    sentence = f"source {quote_name(str(source))} cannot be read: {error.strerror}"
    if error.errno in WRONG_PATH:
        return InvalidSource(sentence, FaultCode.SOURCE_UNREADABLE)
    return MoveFolderUnavailable(sentence)


def open_source(folder: SourceFolder, source: Path) -> FileIO:
    """Open a source; raises InvalidSource, OSError."""
    shown = quote_name(str(source))
    found = folder.find(source.name)
    # Looked at before: merely opening a device may do something to it.
    if found is not None and not stat.S_ISREG(found.st_mode) and not stat.S_ISLNK(found.st_mode):
        raise InvalidSource(f"source {shown} is not a regular file", FaultCode.SOURCE_NOT_REGULAR)
    opened = folder.open(source.name)
    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        opened.close()
        raise InvalidSource(f"source {shown} is not a regular file", FaultCode.SOURCE_NOT_REGULAR)
    return opened


def _place(settings: Settings, source: Path, user: str, *, restoring: bool, make: bool) -> tuple[Path, Path]:
    """Give the folder of `move_folders` that a source lies below, and the source's own, both resolved."""
    if not restoring and not may_move(settings, user, source.parent):
        raise not_allowed(source, user)
    for each in settings.move_folders:
        if source.is_relative_to(each) and not _is_there(each):
            raise MoveFolderUnavailable(f"the folder {each} that files are moved from is not there; is it mounted?")
    folder = Path(os.path.realpath(source.parent, strict=not make))
    tops = [top for top in map(_resolved, settings.move_folders) if folder.is_relative_to(top)]
    # The source's own place is known to have been permitted; a link that leads elsewhere is not.
    is_own_place = restoring and source.parent in as_written(settings, folder)
    if not tops or not (is_own_place or may_move_from(settings, user, folder)):
        sentence = f"source {quote_name(str(source))} lies in none of the folders that files may be moved from"
        raise InvalidSource(sentence, FaultCode.SOURCE_OUTSIDE_FOLDERS)
    top = max(tops, key=lambda each: len(each.parts))
    if source.name.startswith(OURS) or _is_ours(settings, top, folder):
        raise InvalidSource(f"source {quote_name(str(source))} belongs to this service", FaultCode.SOURCE_IS_OURS)
    return top, folder


def not_allowed(source: Path, user: str) -> InvalidSource:
    """Make the error of a source that lies where its user may move nothing from."""
    sentence = f"source {quote_name(str(source))} lies in no folder that {user} may move files from, by {RULES}"
    return InvalidSource(sentence, FaultCode.SOURCE_NOT_ALLOWED)


def _is_ours(settings: Settings, top: Path, folder: Path) -> bool:
    """Whether a folder is part of our own state; a listed folder may lie below our home, as it does on one machine."""
    stores = [settings.volume_path, *filter(None, [folder_of(settings.archiveinterface_url)]), *settings.move_staging]
    homes = [Path(home) for home in [os.environ.get(HOME_VARIABLE)] if home]
    return any(folder.is_relative_to(_resolved(store)) for store in stores) or any(
        _resolved(home).is_relative_to(top) and folder.is_relative_to(_resolved(home)) for home in homes
    )


def _open_below(top: Path, folder: Path, *, make: bool) -> int:
    descriptor = os.open(top, FOLDER)
    for part in folder.relative_to(top).parts:
        outer = descriptor
        try:
            if make:
                _make(outer, part)
            descriptor = os.open(part, FOLDER, dir_fd=outer)
        finally:
            os.close(outer)
    return descriptor


def _make(outer: int, part: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(part, dir_fd=outer)
        SourceFolder(outer).sync()


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_there(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:
        return False
