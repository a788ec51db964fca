"""Removes the name of a source whose file the archive holds.

Called by `move`. At any moment another process may replace the source by a new file, which may be the only copy. So the
entry is renamed to a hidden name within the open folder, and then compared with the file that was archived. If it is that
file, the hidden name is removed; any other file gets its name back. A process that dies in between leaves the hidden name,
which the next one restores (`restore`).
"""

import os
from io import FileIO

from ingest.archiving.moves.hidden_names import hidden_aside
from ingest.archiving.moves.permissions import source_path
from ingest.archiving.moves.source_folder import SourceFolder
from ingest.archiving.moves.source_names import restore_name
from ingest.context import StageContext
from ingest.ledger.files import LedgerFile
from ingest.system.failpoints import failpoint


def remove_source(context: StageContext, file: LedgerFile, folder: SourceFolder, archived: FileIO) -> None:
    """Remove the source's name if it is still that of the archived file. Raises FenceLost, OSError."""
    aside = hidden_aside(file)
    # The transaction locks the job's row. Otherwise a newer process could restore the source, and this one would remove it.
    with context.lease.transaction():
        folder.remove(aside)
        if not _rename(folder, source_path(file.source).name, aside):
            return
        failpoint("move_files.aside", context.lease.job_id)
        found = folder.find(aside)
        if found is not None and os.path.samestat(found, os.fstat(archived.fileno())):
            folder.remove(aside)
            folder.sync()
            return
    restore_name(context, file, folder, aside)
    folder.remove(aside)
    folder.sync()


def _rename(folder: SourceFolder, name: str, aside: str) -> bool:
    """Rename an entry; return False if it does not exist."""
    try:
        folder.rename(name, aside)
    except FileNotFoundError:
        return False
    return True
