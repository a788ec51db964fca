"""### Ingest files

Streams every file from the tar to the archive, hashes it on the way, and verifies the size that the archive reports. A file
that was archived and verified is not sent again when the task runs again.

**Fails here**: a file whose hash differs from its metadata. All files of the bundle are removed from the archive, and the
uploader sends a fixed bundle.

**An admin** fixes the archive when this task waits for it (its free space, its disk). The job then continues with the files
that are missing. The size of the pool `archive` limits how many jobs send files simultaneously.
"""

from ingest.archiving.batches import send_files
from ingest.context import StageContext


def ingest_files(context: StageContext) -> None:
    """Archive the files; raises FilesRejected with all files that differ, ServiceUnavailable."""
    send_files(context)
