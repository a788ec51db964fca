"""Removing the name of a source whose file the archive holds.

Called by `ingest.archiving.moves.move`. Another file may get the name at any moment, and nobody else has a copy of that
one. So the entry is renamed within the folder that is held open, and then compared with the file that was archived:
only that file's name is removed, any other gets its name back. A process that dies in between leaves the entry under
its hidden name, and the next one restores it (`ingest.archiving.moves.restore`).
"""

import os
from io import FileIO

from ingest.archiving.moves.permissions import source_path
from ingest.archiving.moves.restore import give_place, hidden_aside
from ingest.archiving.moves.source_folder import SourceFolder
from ingest.context import StageContext
from ingest.ledger.files import LedgerFile
from ingest.system.failpoints import failpoint


def remove_source(context: StageContext, file: LedgerFile, folder: SourceFolder, archived: FileIO) -> None:
    """Remove the source's name where it is still that of the archived file. Raises FenceLost, OSError."""
    aside = hidden_aside(file)
    # While the job's row is locked no newer process can restore the source, which would then be removed for good.
    with context.lease.transaction():
        folder.remove(aside)
        if not _renamed(folder, source_path(file.source).name, aside):
            return
        failpoint("move_files.aside", context.lease.job_id)
        found = folder.find(aside)
        if found is not None and os.path.samestat(found, os.fstat(archived.fileno())):
            folder.remove(aside)
            folder.sync()
            return
    give_place(context, file, folder, aside)
    folder.remove(aside)
    folder.sync()


def _renamed(folder: SourceFolder, name: str, aside: str) -> bool:
    try:
        folder.rename(name, aside)
    except FileNotFoundError:
        return False
    return True
