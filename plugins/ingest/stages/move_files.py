"""### Move files

Checks size and hash of every source, and lets the archive take it from where it lies. Until the job is catalogued a hidden
hard link stays beside each source, so that it can be put back.

**Fails here**: a source that is missing, changed, or outside the folders that files may be moved from. All are listed, and
the sources that had been moved are put back where they were.

**An admin** looks after the archive when this task waits for it; clear the task when all tries were used up.
"""

from ingest.context import StageContext
from ingest.moving import send_sources


def move_files(context: StageContext) -> None:
    """Archive the sources; raises InvalidSource with all that cannot be taken, ServiceUnavailable."""
    send_sources(context)
