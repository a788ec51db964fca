"""### Move files

Checks that the user may move every source, and its size and hash, and hands it over to the archive. Until the job is
catalogued a hidden hard link stays beside each source, so that it can be restored.

**Fails here**: a source that is missing, changed, or outside the folders that files may be moved from, or that its user may
move files from. All are listed, and the sources that had been moved are restored. Where there are several users, the state
does not say what was found at a source; the log of this task and the job's events (`pacifica-ingest-cmd show`) do. An
archive that stored another file than the one that was checked (`source_exchanged`): it may be anybody's, so nothing is
removed.

A folder that the service may not take files out of (`move_folder_not_writable`): the text names it and its owner.

**Waits here** for a folder that is not mounted (`move_folder_unavailable`), and for the archive.

**An admin** mounts the folder, or looks after the archive; clear the task when all tries were used up, or when the rights of
a folder were changed. For a source that was exchanged: find out whose file the archive holds, and copy it to another place,
before clearing the task.
"""

from ingest.archiving.moves.move import send_sources
from ingest.context import StageContext


def move_files(context: StageContext) -> None:
    """Archive the sources; raises InvalidSource with all that cannot be taken, ServiceUnavailable."""
    send_sources(context)
