"""Staging folders, in which files are handed over to ArchiveInterface protected from other accounts.

Called by `ingest.services.archive`, and at the launch of the stack on one machine. ArchiveInterface renames a file by its
path and follows symbolic links in it. An account that can change a folder of that path can redirect it into the
archive's own storage, to another user's archived file. So the file that was checked is linked, by its descriptor, into a
folder whose path only this service and the archive can change, and the archive receives that path.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ingest.errors.types import MoveFolderUnavailable
from ingest.system.durable_files import copy_file, link_file

FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
ROOT = 0


class Staging:
    """The folders of the setting `move_staging`; each file uses the folder on its own file system."""

    def __init__(self, folders: tuple[Path, ...], block_size: int) -> None:
        self._folders = folders
        self._block_size = block_size

    @contextmanager
    def staged(self, file_id: int, file: BinaryIO) -> Iterator[Path]:
        """Link an open file into a folder, yield its path, and remove the link at the end if it still exists.

        A file that cannot be linked is copied. Raises MoveFolderUnavailable.
        """
        try:
            path = self._add(file_id, file)
        except OSError as error:
            raise MoveFolderUnavailable(f"move_staging cannot be used: {error}") from error
        try:
            yield path
        finally:
            self.remove(file_id)

    def remove(self, file_id: int) -> None:
        """Remove the link that a killed process may have left. Raises MoveFolderUnavailable."""
        try:
            for folder in self._folders:
                (folder / str(file_id)).unlink(missing_ok=True)
        except OSError as error:
            raise MoveFolderUnavailable(f"move_staging cannot be used: {error}") from error

    def _add(self, file_id: int, file: BinaryIO) -> Path:
        if not self._folders:
            raise MoveFolderUnavailable(
                "move_staging is empty: set a folder in which files are handed over to ArchiveInterface"
            )
        device = os.fstat(file.fileno()).st_dev
        folder = next((each for each in self._folders if each.stat().st_dev == device), self._folders[0])
        check_private(folder)
        path = folder / str(file_id)
        path.unlink(missing_ok=True)
        if not link_file(file, path):
            copy_file(file, path, self._block_size)
        return path


def check_private(folder: Path) -> None:
    """Raise MoveFolderUnavailable if another account could exchange a folder or a part of its path.

    Each part must belong to root or to this account. The group may write to the folder itself, because the archive's account
    needs it. Parts above it may be writable by others only if they have the sticky bit, as `/tmp` has.
    """
    descriptor = os.open(folder.anchor, FOLDER)
    try:
        for depth, part in enumerate(folder.parts[1:], 2):
            outer = descriptor
            try:
                descriptor = os.open(part, FOLDER, dir_fd=outer)
            finally:
                os.close(outer)
            _check(Path(*folder.parts[:depth]), os.fstat(descriptor), is_last=depth == len(folder.parts))
    finally:
        os.close(descriptor)


def _check(folder: Path, found: os.stat_result, *, is_last: bool) -> None:
    if found.st_uid not in (ROOT, os.geteuid()):
        raise MoveFolderUnavailable(
            f"move_staging: {folder} belongs to account {found.st_uid}, which could exchange its files; it must "
            "belong to this service's account or to root"
        )
    others = stat.S_IWOTH if is_last else stat.S_IWGRP | stat.S_IWOTH
    if found.st_mode & others and (is_last or not found.st_mode & stat.S_ISVTX):
        raise MoveFolderUnavailable(
            f"move_staging: other accounts can write to {folder}, so they could exchange its files; remove that permission"
        )
