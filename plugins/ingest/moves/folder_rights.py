"""Whether the built-in archive may take a source out of its folder.

Called by `ingest.moves.moving` before a source is read. A rename that the system refuses would otherwise look like a fault
of the archive, and be tried again for a long time. ArchiveInterface moves files by its own rights, which are not known here.
"""

import os
import stat
from pathlib import Path

from ingest.errors import MoveFolderNotWritable
from ingest.moves.sources import SourceFolder
from ingest.printing import printable
from ingest.services.archive_folder import folder_of
from ingest.settings import Settings


def check_removable(settings: Settings, folder: SourceFolder, path: Path, source: os.stat_result) -> None:
    """Raise MoveFolderNotWritable when the source could not be removed from its folder."""
    if folder_of(settings.archiveinterface_url) is None or _may_remove(folder, source):
        return
    found = os.fstat(folder.descriptor)
    raise MoveFolderNotWritable(
        f"source {printable(str(path))} cannot be moved: user {os.geteuid()}, which this service runs as, may not write in "
        f"its folder, which belongs to user {found.st_uid} and group {found.st_gid} and has the mode "
        f"{stat.S_IMODE(found.st_mode):04o}; change its rights, then retry the job"
    )


def _may_remove(folder: SourceFolder, source: os.stat_result) -> bool:
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder.descriptor, effective_ids=True):
        return False
    found = os.fstat(folder.descriptor)
    # In a folder such as /tmp only the owners of the file and of the folder may do so.
    restricted = bool(found.st_mode & stat.S_ISVTX)
    return not restricted or os.geteuid() in {0, found.st_uid, source.st_uid}
