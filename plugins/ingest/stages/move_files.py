"""### Move files

Checks that the user may move each source, verifies its size and hash, and hands it to the archive. Until the job is
cataloged, a hidden hard link stays beside each source, so that the source can be restored.

**Fails here**:

- A source is missing or was changed, or is outside the folders that its user may move files from. The error lists all such
  sources, and those that had been moved are restored. With authentication the error does not say what is wrong with a
  source; the log of this task and the events of the job (`pacifica-ingest-cmd show`) do.
- The service may not remove files from a folder (`move_folder_not_writable`): the error names the folder and its owner.
- The archive stored another file than the one that was checked (`source_exchanged`). It may belong to anyone, so nothing is
  removed.

**Waits here** for a folder that is not mounted (`move_folder_unavailable`), and for the archive.

**An admin** mounts the folder or fixes the archive, and the job continues. After changing the rights of a folder, clear the
task. If a source was exchanged, find out whose file the archive holds and copy it to another place before clearing the task.
"""

from ingest.archiving.moves.move import send_sources
from ingest.context import StageContext


def move_files(context: StageContext) -> None:
    """Archive the sources; raises InvalidSource with all faults, ServiceUnavailable."""
    send_sources(context)
