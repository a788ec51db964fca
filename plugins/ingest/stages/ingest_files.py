"""### Ingest files

Streams every file out of the tar to the archive, hashes it on its way, and asks the archive how many bytes it holds. What
is archived and verified is not sent again when the task runs again.

**Fails here**: a file whose hash differs from its metadata. Nothing of the bundle stays in the archive; the uploader sends
a good one.

**An admin** looks after the archive when this task waits for it (its place, its disk); clear the task when all tries were
used up, and it goes on with the files that are missing. How many jobs send at once is the size of the pool `archive`.
"""

from ingest.archiving.batches import send_files
from ingest.context import StageContext


def ingest_files(context: StageContext) -> None:
    """Archive the files; raises FilesRejected with all that differ, ServiceUnavailable when the archive is away."""
    send_files(context)
