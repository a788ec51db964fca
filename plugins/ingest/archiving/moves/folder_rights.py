"""Whether the service may take a source out of its folder.

Called by `ingest.archiving.moves.move` before a source is read. A name that the system does not let the service remove would
otherwise look like a fault that passes, and be tried again for a long time. The service removes it with either archive.
"""

import os
import stat
from pathlib import Path

from ingest.archiving.moves.source_folder import SourceFolder
from ingest.errors.types import MoveFolderNotWritable
from ingest.system.sanitize import quote_name


def check_removable(folder: SourceFolder, path: Path, source: os.stat_result) -> None:
    """Raise MoveFolderNotWritable when the source could not be removed from its folder."""
    if _may_remove(folder, source):
        return
    found = os.fstat(folder.descriptor)
    raise MoveFolderNotWritable(
        f"source {quote_name(str(path))} cannot be moved: user {os.geteuid()}, which this service runs as, may not write in "
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
