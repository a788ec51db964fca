"""Send a job's files to the archive, in batches that go from `pending` to `archived`.

Called by `ingest_files` and `ingest_metadata`. `_archive_batch` reads from top to bottom in the order of writes, with the
ledger one step ahead of the archive:

1. delete once more what an earlier process was deleting, and assign new ids;
2. assign new ids where the archive holds another system's file (`ids_in_use`);
3. commit `sending`;
4. PUT each file while it is hashed, and compare its size;
5. let the archive sync;
6. commit `archived`.

A process that dies before step 3 has sent nothing. One that dies later leaves files that are `sending`. The next process
queries their sizes: a file that the archive does not hold is sent; one that it holds with the declared size and hash is
archived; any other is deleted from the archive, then sent. Only the commit of step 3 allows a process to overwrite or
delete the file of an id, so a file of another system is not changed unless step 2 has not found it.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from ingest.archiving.deletion import delete_partial, finish_deletions
from ingest.archiving.file_ids import replace_ids_in_use, replace_refused_ids
from ingest.archiving.parallel import parallel_map
from ingest.archiving.progress import Progress
from ingest.archiving.transfer import BatchTransfer, Stored
from ingest.context import StageContext
from ingest.errors.fault_list import FaultList
from ingest.errors.types import FilesRejected, OverwriteRefused
from ingest.ledger.file_states import mark_archived, mark_sending
from ingest.ledger.files import NOT_ARCHIVED, LedgerFile, files_in
from ingest.ledger.models import FileState
from ingest.system.failpoints import failpoint

# The limits of a batch. Each batch costs two commits and one sync; after a kill, at most one batch is sent again.
BATCH_FILES = 1000
BATCH_BYTES = 64 * 1024 * 1024


def send_files(context: StageContext) -> None:
    """Send every file that is not archived yet; raises FilesRejected with all files that differ from their metadata.

    After the first such file the others are only read and hashed, so that the uploader learns of all of them.
    """
    faults = FaultList()
    progress = Progress(context.lease)
    for batch in _split(files_in(context.lease, *NOT_ARCHIVED)):
        with _open_transfer(context, progress, faults) as transfer:
            if faults:
                for file in batch:
                    transfer.check(file)
            else:
                _archive_batch(context, transfer, batch)
    faults.raise_as(FilesRejected)


def _archive_batch(context: StageContext, transfer: BatchTransfer, batch: list[LedgerFile]) -> None:
    """Archive a batch; files that were not verified stay `sending`. Raises ServiceUnavailable, FenceLost."""
    batch = finish_deletions(context, batch)
    batch = replace_ids_in_use(context, batch)
    mark_sending(context.lease, batch)
    archived: list[LedgerFile] = []
    try:
        _transfer_files(context, transfer, batch, archived)
    except OverwriteRefused:
        is_archived = {file.key for file in archived}
        new = [file for file in batch if file.state is FileState.PENDING and file.key not in is_archived]
        replace_refused_ids(context, new)
        raise
    finally:
        # Also when the archive became unavailable on the way: files that it holds and that were verified are not sent again.
        context.services.archive.sync(file.file_id for file in archived)
        failpoint("ingest_files.synced", context.lease.job_id)
        mark_archived(context.lease, archived)


def _transfer_files(
    context: StageContext, transfer: BatchTransfer, batch: list[LedgerFile], archived: list[LedgerFile]
) -> None:
    """Transfer files over parallel connections; append each that the archive holds, verified, to `archived`."""
    unsent = deque(_find_unsent(context, transfer, batch, archived))

    def transfer_some(_connection: int) -> None:
        # One by one, so that what was verified before a failure counts.
        for file in transfer.send_all(_taken_from(unsent)):
            archived.append(file)

    connections = context.services.archive.parallel_requests
    parallel_map(transfer_some, range(connections), connections, transfer.progress.end)


def _find_unsent(
    context: StageContext, transfer: BatchTransfer, batch: list[LedgerFile], archived: list[LedgerFile]
) -> list[LedgerFile]:
    """Return the files that must be sent; append those that an earlier process has sent whole to `archived`."""
    begun = [file for file in batch if file.state is FileState.SENDING]

    def is_whole(file: LedgerFile) -> bool:
        stored = transfer.find_stored(file)
        if stored is Stored.PART:
            delete_partial(context, file)
        if stored is Stored.WHOLE:
            archived.append(file)
        return stored is Stored.WHOLE

    found = parallel_map(is_whole, begun, context.services.archive.parallel_requests, transfer.progress.end)
    whole = {file.key for file, is_sent in zip(begun, found, strict=True) if is_sent}
    return [file for file in batch if file.key not in whole]


def _taken_from(files: deque[LedgerFile]) -> Iterator[LedgerFile]:
    """Yield files as long as there are any; several threads may take from the same."""
    with suppress(IndexError):
        while True:
            yield files.popleft()


@contextmanager
def _open_transfer(context: StageContext, progress: Progress, faults: FaultList) -> Iterator[BatchTransfer]:
    """Open the bundle, and the threads that hash it."""
    with (
        context.received_path.open("rb", buffering=0) as bundle,
        ThreadPoolExecutor(context.services.archive.parallel_requests) as hasher,
    ):
        yield BatchTransfer(context, bundle, progress, faults, hasher)


def _split(files: Iterable[LedgerFile]) -> Iterator[list[LedgerFile]]:
    """Split the files into batches, limited by number and by bytes."""
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
