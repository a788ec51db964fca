"""Opens the folder of a source, after checking that files may be moved from it.

Called by `checked_source` and `restore`. The checks come in this order, so that a refusal reveals nothing about the disk:

1. The folder's path, as it is written, is compared with the folders that the job's user may move files from.
2. The path is resolved and compared again, because a symbolic link may lead to another user's folder.
3. The resolved path is opened component by component without following links, in case one was exchanged meanwhile.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ingest.archiving.moves.hidden_names import HIDDEN_PREFIX
from ingest.archiving.moves.permissions import RULES, as_written, may_move, may_move_from
from ingest.archiving.moves.source_folder import SourceFolder, unreadable
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidSource, MoveFolderUnavailable
from ingest.settings.loading import Settings
from ingest.settings.types import folder_of
from ingest.system.sanitize import quote_name

HOME_VARIABLE = "INGEST_HOME"
# With O_PATH a folder on the way need not be readable; systems without it require that.
FOLDER_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def open_source_folder(
    settings: Settings, source: Path, user: str, *, restoring: bool = False, create: bool = False
) -> Iterator[SourceFolder]:
    """Hold the folder of a user's source open.

    - `restoring`: the source was moved from there, so the user need no longer be permitted to move files from it.
    - `create`: create the folder if it was removed since.

    Raises InvalidSource when files may not be moved from there, MoveFolderUnavailable when the storage is unavailable.
    """
    try:
        top, folder = _locate(settings, source, user, restoring=restoring, create=create)
        descriptor = _open_below(top, folder, create=create)
    except OSError as error:
        raise unreadable(source, error) from error
    try:
        yield SourceFolder(descriptor)
    finally:
        os.close(descriptor)


def _locate(settings: Settings, source: Path, user: str, *, restoring: bool, create: bool) -> tuple[Path, Path]:
    """Return the folder of `move_folders` that contains a source, and the source's own folder, both resolved."""
    if not restoring and not may_move(settings, user, source.parent):
        raise _not_allowed(source, user)
    for each in settings.move_folders:
        if source.is_relative_to(each) and not _exists(each):
            raise MoveFolderUnavailable(f"the folder {each} that files are moved from does not exist; mount it")
    folder = Path(os.path.realpath(source.parent, strict=not create))
    tops = [top for top in map(_resolved, settings.move_folders) if folder.is_relative_to(top)]
    # The source was moved from its own folder, so that one is permitted. A link that leads elsewhere is not.
    is_own_folder = restoring and source.parent in as_written(settings, folder)
    if not tops or not (is_own_folder or may_move_from(settings, user, folder)):
        sentence = f"source {quote_name(str(source))} lies in none of the folders that files may be moved from"
        raise InvalidSource(sentence, FaultCode.SOURCE_OUTSIDE_FOLDERS)
    top = max(tops, key=lambda each: len(each.parts))
    if source.name.startswith(HIDDEN_PREFIX) or _belongs_to_service(settings, top, folder):
        raise InvalidSource(f"source {quote_name(str(source))} belongs to this service", FaultCode.SOURCE_IS_OURS)
    return top, folder


def _not_allowed(source: Path, user: str) -> InvalidSource:
    sentence = f"source {quote_name(str(source))} lies in no folder that {user} may move files from, by {RULES}"
    return InvalidSource(sentence, FaultCode.SOURCE_NOT_ALLOWED)


def _belongs_to_service(settings: Settings, top: Path, folder: Path) -> bool:
    """Return whether a folder is part of this service's own state.

    A folder of `move_folders` may be below the service's home, as it is in a stack on one machine.
    """
    stores = [settings.volume_path, *filter(None, [folder_of(settings.archiveinterface_url)]), *settings.move_staging]
    homes = [Path(home) for home in [os.environ.get(HOME_VARIABLE)] if home]
    return any(folder.is_relative_to(_resolved(store)) for store in stores) or any(
        _resolved(home).is_relative_to(top) and folder.is_relative_to(_resolved(home)) for home in homes
    )


def _open_below(top: Path, folder: Path, *, create: bool) -> int:
    descriptor = os.open(top, FOLDER_FLAGS)
    for part in folder.relative_to(top).parts:
        parent = descriptor
        try:
            if create:
                _create(parent, part)
            descriptor = os.open(part, FOLDER_FLAGS, dir_fd=parent)
        finally:
            os.close(parent)
    return descriptor


def _create(parent: int, part: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(part, dir_fd=parent)
        SourceFolder(parent).sync()


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _exists(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:
        return False
