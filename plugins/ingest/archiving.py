"""Sending a job's files to the archive, with the ledger one step ahead of the archive.

Called by `ingest_files` and `ingest_metadata`. The order of writes for each batch: make sure that the archive holds none of
its ids; commit `sending`; PUT each file while it is hashed; ask for its size; commit `archived`. A process that dies
- before the first commit has sent nothing;
- before the second leaves files that are `sending`: the next process asks for their sizes. What is not there is sent; what
  is there and has the declared hash is archived; of any other, what is there is deleted first (`ingest.removing`). Nobody
  else's id is ever deleted, because only our own commit makes a file `sending`.
"""

import hashlib
import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

from ingest.bundles.bundle import Section, open_section
from ingest.context import StageContext
from ingest.errors import FilesRejected, ServiceUnavailable
from ingest.failpoints import failpoint
from ingest.fault_codes import Fault
from ingest.faults import Faults
from ingest.file_ids import with_free_ids
from ingest.files import NOT_ARCHIVED, FileState, LedgerFile, files_in, mark, totals
from ingest.fixity import damage
from ingest.ledger import Ledger
from ingest.printing import printable
from ingest.removing import delete_part, finish_deletions

# A batch is one commit: as many small files as a kill may cost to send again, but no more than this many bytes.
BATCH_FILES = 100
BATCH_BYTES = 64 * 1024 * 1024


class Progress:
    """Counts the bytes that are archived and reports them to the ledger, which is also the check of the fence."""

    def __init__(self, ledger: Ledger) -> None:
        self.job_id = ledger.job_id
        self._ledger = ledger
        self._total = totals(ledger)[1]
        self._done = totals(ledger, FileState.ARCHIVED)[1]

    def add(self, size: int) -> None:
        """Count `size` more bytes; raises FenceLost."""
        self._done += size
        self._ledger.report(self._done, self._total)


class HashingBody(io.RawIOBase):
    """The bytes of a file on their way to the archive: hashed and counted as they pass."""

    def __init__(self, section: Section, hash_type: str, progress: Progress) -> None:
        super().__init__()
        self._section = section
        self._progress = progress
        self._hash = hashlib.new(hash_type, usedforsecurity=False)
        self.size = 0

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes; raises FenceLost in the middle of a transfer when the job was taken over."""
        failpoint("ingest_files.reading", self._progress.job_id)
        data = self._section.read(size)
        self._hash.update(data)
        self.size += len(data)
        self._progress.add(len(data))
        return data

    @property
    def hash_sum(self) -> str:
        """The hash of what was read, in hexadecimal digits."""
        return self._hash.hexdigest()


def send_files(context: StageContext) -> None:
    """Send every file that is not archived yet; raises FilesRejected with all files that are not what they should be.

    After the first such file the others are only read and hashed, so that the uploader learns of all of them.
    """
    faults = Faults()
    progress = Progress(context.ledger)
    for batch in _batches(files_in(context.ledger, *NOT_ARCHIVED)):
        if faults:
            for file in batch:
                _check(context, file, progress, faults)
        else:
            _send_batch(context, with_free_ids(context, finish_deletions(context, batch)), progress, faults)
    faults.raise_as(FilesRejected)


def _send_batch(context: StageContext, batch: list[LedgerFile], progress: Progress, faults: Faults) -> None:
    mark(context.ledger, batch, FileState.SENDING)
    failpoint("ingest_files.sending", context.ledger.job_id)
    archived = []
    try:
        for file in batch:
            if faults:
                _check(context, file, progress, faults)
            elif _is_stored(context, file, progress) or _send(context, file, progress, faults):
                archived.append(file)
    finally:
        # Also when the archive went away in the middle: what it holds and was verified is not sent again.
        mark(context.ledger, archived, FileState.ARCHIVED)
    failpoint("ingest_files.archived", context.ledger.job_id)


def _is_stored(context: StageContext, file: LedgerFile, progress: Progress) -> bool:
    """Whether the archive holds all of a file that an earlier process was sending; if it holds a part, that is deleted."""
    if file.state is not FileState.SENDING:
        return False
    stored = context.services.archive.size(file.file_id)
    if stored is None:
        return False
    if stored == file.size and damage(context.services.archive, file, progress.add) is None:
        return True
    delete_part(context, file)
    return False


def _send(context: StageContext, file: LedgerFile, progress: Progress, faults: Faults) -> bool:
    archive = context.services.archive
    # The real archive empties a file when a PUT begins, before any of its body is read.
    context.ledger.check()
    with open_section(context.received_path, file.offset, file.size) as section:
        body = HashingBody(section, file.hash_type, progress)
        archive.put(file.file_id, cast(BinaryIO, body), file.size)
    failpoint("ingest_files.sent", context.ledger.job_id)
    stored = archive.size(file.file_id)
    failpoint("ingest_files.verified", context.ledger.job_id)
    if body.size != file.size or stored != file.size:
        reason = f"it stored {stored} of the {file.size} bytes of {printable(file.path)}; they are sent again"
        raise ServiceUnavailable("the archive", context.settings.archiveinterface_url, reason)
    return _is_as_declared(file, body.hash_sum, faults)


def _check(context: StageContext, file: LedgerFile, progress: Progress, faults: Faults) -> None:
    with open_section(context.received_path, file.offset, file.size) as section:
        body = HashingBody(section, file.hash_type, progress)
        while body.read(context.settings.transfer_size):
            pass
    _is_as_declared(file, body.hash_sum, faults)


def _is_as_declared(file: LedgerFile, hash_sum: str, faults: Faults) -> bool:
    if hash_sum == file.hash_sum:
        return True
    declared = f"the metadata declares {file.hash_sum}"
    faults.add(Fault.HASH_DIFFERS, f"file {printable(file.path)} has the {file.hash_type} {hash_sum}, {declared}")
    return False


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
