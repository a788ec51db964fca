"""### Move files

Checks size and hash of every source, and lets the archive take it from where it lies. Until the job is catalogued a hidden
hard link stays beside each source, so that it can be put back.

**Fails here**: a source that is missing, changed, or outside the folders that files may be moved from. All are listed, and
the sources that had been moved are put back where they were. A source that somebody exchanged at the moment of its move
(`source_exchanged`): the archive holds another file now, which may be anybody's, so nothing is removed.

A folder that the built-in archive may not take files out of (`move_folder_not_writable`): the text names it and its owner.

**Waits here** for a folder that is not mounted (`move_folder_unavailable`), and for the archive.

**An admin** mounts the folder, or looks after the archive; clear the task when all tries were used up, or when the
rights of a folder were changed. Of a source that was
exchanged: find out whose file the archive holds, and copy it away, before clearing the task.
"""

from ingest.context import StageContext
from ingest.moves.moving import send_sources


def move_files(context: StageContext) -> None:
    """Archive the sources; raises InvalidSource with all that cannot be taken, ServiceUnavailable."""
    send_sources(context)
