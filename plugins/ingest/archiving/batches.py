"""Sending a job's files to the archive, with the ledger one step ahead of the archive.

Called by `ingest_files` and `ingest_metadata`. The order of writes for each batch: make sure that the archive holds none of
its ids; commit `sending`; PUT each file while it is hashed; ask for its size; let the archive sync; commit `archived`. A
process that dies
- before the first commit has sent nothing;
- before the second leaves files that are `sending`: the next process asks for their sizes. What is not there is sent;
  what is there and has the declared hash is archived; of any other, what is there is deleted first
  (`ingest.archiving.deletion`). Nobody else's id is ever deleted, because only our own commit makes a file `sending`.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from ingest.archiving.deletion import finish_deletions
from ingest.archiving.file_ids import with_free_ids
from ingest.archiving.parallel import each
from ingest.archiving.transfer import Progress, Sending
from ingest.context import StageContext
from ingest.errors.fault_list import Faults
from ingest.errors.types import FilesRejected
from ingest.ledger.files import NOT_ARCHIVED, FileState, LedgerFile, files_in, mark
from ingest.system.failpoints import failpoint

# A batch is two commits and one sync: as many small files as a kill may cost to send again, but no more bytes than this.
BATCH_FILES = 500
BATCH_BYTES = 64 * 1024 * 1024


def send_files(context: StageContext) -> None:
    """Send every file that is not archived yet; raises FilesRejected with all files that are not what they should be.

    After the first such file the others are only read and hashed, so that the uploader learns of all of them.
    """
    faults = Faults()
    progress = Progress(context.ledger)
    for batch in _batches(files_in(context.ledger, *NOT_ARCHIVED)):
        with _sending(context, progress, faults) as sending:
            if faults:
                for file in batch:
                    sending.check(file)
            else:
                _send_batch(sending, with_free_ids(context, finish_deletions(context, batch)))
    faults.raise_as(FilesRejected)


@contextmanager
def _sending(context: StageContext, progress: Progress, faults: Faults) -> Iterator[Sending]:
    with (
        context.received_path.open("rb", buffering=0) as bundle,
        ThreadPoolExecutor(context.services.archive.at_once) as hasher,
    ):
        yield Sending(context, bundle, progress, faults, hasher)


def _send_batch(sending: Sending, batch: list[LedgerFile]) -> None:
    ledger, archive = sending.context.ledger, sending.context.services.archive
    mark(ledger, batch, FileState.SENDING)
    failpoint("ingest_files.sending", ledger.job_id)
    archived: list[LedgerFile] = []

    def send(file: LedgerFile) -> None:
        if sending.archive(file):
            archived.append(file)

    try:
        each(send, batch, archive.at_once, sending.progress.end)
    finally:
        # Also when the archive went away in the middle: what it holds and was verified is not sent again.
        archive.sync(file.file_id for file in archived)
        failpoint("ingest_files.synced", ledger.job_id)
        mark(ledger, archived, FileState.ARCHIVED)
    failpoint("ingest_files.archived", ledger.job_id)


def _batches(files: Iterable[LedgerFile]) -> Iterator[list[LedgerFile]]:
    batch: list[LedgerFile] = []
    size = 0
    for file in files:
        if batch and (len(batch) == BATCH_FILES or size + file.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch
