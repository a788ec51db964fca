"""Send a job's files to the archive, in batches that go from `pending` to `archived`.

Called by `ingest_files` and `ingest_metadata`. `_archive_batch` reads from top to bottom in the order of writes, with the
ledger one step ahead of the archive:

1. delete once more what an earlier process was deleting, and assign new ids;
2. find out what an earlier process has sent (`stored_contents`);
3. assign new ids where the archive holds another system's file (`ids_in_use`);
4. commit `sending`;
5. PUT each file while it is hashed, and compare its size;
6. let the archive sync;
7. commit `archived`.

A process that dies before step 4 has sent nothing. One that dies later leaves files that are `sending`. In step 2 of the
next process, a file that the archive does not hold is to be sent; one that it holds with the declared size and hash is
archived; a part of it is deleted from the archive and to be sent; and where the archive holds anything else, the file gets a
new id. So the file of another system is not changed, unless step 3 has not found it and the archive overwrites it.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from ingest.archiving.deletion import delete_partial, finish_deletions
from ingest.archiving.file_ids import HELD, replace_ids, replace_ids_in_use
from ingest.archiving.parallel import parallel_map
from ingest.archiving.progress import Progress
from ingest.archiving.stored_contents import Stored, find_stored
from ingest.archiving.transfer import BatchTransfer
from ingest.context import StageContext
from ingest.errors.fault_list import FaultList
from ingest.errors.types import FilesRejected
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
    batch = _resume(context, transfer, batch)
    batch = replace_ids_in_use(context, batch)
    mark_sending(context.lease, batch)
    archived: list[LedgerFile] = []
    try:
        _transfer_files(context, transfer, batch, archived)
    finally:
        # Also when the archive became unavailable on the way: files that it holds and that were verified are not sent again.
        _record_archived(context, archived)


def _resume(context: StageContext, transfer: BatchTransfer, batch: list[LedgerFile]) -> list[LedgerFile]:
    """Record what an earlier process has sent whole, and delete what it has sent in part; return the files to be sent."""
    begun = [file for file in batch if file.state is FileState.SENDING]
    if not begun:
        return batch
    archive = context.services.archive

    def resume(file: LedgerFile) -> Stored:
        stored = find_stored(archive, file, transfer.bundle, transfer.progress.add)
        if stored is Stored.PART:
            delete_partial(context, file)
        return stored

    found = parallel_map(resume, begun, archive.parallel_requests, transfer.progress.end)
    stored = {file.key: each for file, each in zip(begun, found, strict=True)}
    _record_archived(context, [file for file in begun if stored[file.key] is Stored.WHOLE])
    foreign = [file for file in begun if stored[file.key] is Stored.FOREIGN]
    replaced = replace_ids(context, foreign, HELD) if foreign else []
    unsent = [file for file in batch if stored.get(file.key) not in (Stored.WHOLE, Stored.FOREIGN)]
    return [*unsent, *replaced]


def _transfer_files(
    context: StageContext, transfer: BatchTransfer, batch: list[LedgerFile], archived: list[LedgerFile]
) -> None:
    """Transfer files over parallel connections; append each that the archive holds, verified, to `archived`."""
    unsent = deque(batch)

    def transfer_some(_connection: int) -> None:
        # One by one, so that what was verified before a failure counts.
        for file in transfer.send_all(_taken_from(unsent)):
            archived.append(file)

    connections = context.services.archive.parallel_requests
    parallel_map(transfer_some, range(connections), connections, transfer.progress.end)


def _record_archived(context: StageContext, files: list[LedgerFile]) -> None:
    context.services.archive.sync(file.file_id for file in files)
    failpoint("ingest_files.synced", context.lease.job_id)
    mark_archived(context.lease, files)


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
