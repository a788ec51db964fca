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
from ingest.archiving.parallel import parallel_map
from ingest.archiving.transfer import BatchTransfer, Progress
from ingest.context import StageContext
from ingest.errors.fault_list import FaultList
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
    faults = FaultList()
    progress = Progress(context.lease)
    for batch in _batches(files_in(context.lease, *NOT_ARCHIVED)):
        with open_transfer(context, progress, faults) as transfer:
            if faults:
                for file in batch:
                    transfer.check(file)
            else:
                _send_batch(transfer, with_free_ids(context, finish_deletions(context, batch)))
    faults.raise_as(FilesRejected)


@contextmanager
def open_transfer(context: StageContext, progress: Progress, faults: FaultList) -> Iterator[BatchTransfer]:
    """Open the bundle, and the threads that hash it, for the transfer of the job's files."""
    with (
        context.received_path.open("rb", buffering=0) as bundle,
        ThreadPoolExecutor(context.services.archive.parallel_requests) as hasher,
    ):
        yield BatchTransfer(context, bundle, progress, faults, hasher)


def _send_batch(transfer: BatchTransfer, batch: list[LedgerFile]) -> None:
    lease, archive = transfer.context.lease, transfer.context.services.archive
    mark(lease, batch, FileState.SENDING)
    failpoint("ingest_files.sending", lease.job_id)
    archived: list[LedgerFile] = []

    def send(file: LedgerFile) -> None:
        if transfer.archive(file):
            archived.append(file)

    try:
        parallel_map(send, batch, archive.parallel_requests, transfer.progress.end)
    finally:
        # Also when the archive went away in the middle: what it holds and was verified is not sent again.
        archive.sync(file.file_id for file in archived)
        failpoint("ingest_files.synced", lease.job_id)
        mark(lease, archived, FileState.ARCHIVED)
    failpoint("ingest_files.archived", lease.job_id)


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
