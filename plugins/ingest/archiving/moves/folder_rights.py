"""Checks that this service may remove a source from its folder.

Called by `checked_source` before a source is read. Without the check, a missing right would look like a temporary fault of
the storage and be retried for a long time. The service removes the name itself, with the built-in archive and with
ArchiveInterface.
"""

import os
import stat
from pathlib import Path

from ingest.archiving.moves.source_folder import SourceFolder
from ingest.errors.types import MoveFolderNotWritable
from ingest.system.sanitize import quote_name


def check_removable(folder: SourceFolder, path: Path, source: os.stat_result) -> None:
    """Raise MoveFolderNotWritable if this service may not remove the source from its folder."""
    if _may_remove(folder, source):
        return
    found = os.fstat(folder.descriptor)
    raise MoveFolderNotWritable(
        f"source {quote_name(str(path))} cannot be moved: this service runs as user {os.geteuid()}, which may not write in "
        f"its folder; the folder belongs to user {found.st_uid} and group {found.st_gid} and has the mode "
        f"{stat.S_IMODE(found.st_mode):04o}; change its rights, then retry the job"
    )


def _may_remove(folder: SourceFolder, source: os.stat_result) -> bool:
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder.descriptor, effective_ids=True):
        return False
    found = os.fstat(folder.descriptor)
    # In a folder with the sticky bit, such as /tmp, only the owners of the file and of the folder may remove it.
    restricted = bool(found.st_mode & stat.S_ISVTX)
    return not restricted or os.geteuid() in {0, found.st_uid, source.st_uid}
