"""Sending one file to the archive: hashed while it goes, and its size asked for afterwards.

Called by `ingest.archiving.batches`, from several threads where the archive takes several files at once.
"""

import hashlib
import io
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from threading import Lock
from typing import BinaryIO, cast

from ingest.archiving.deletion import delete_part
from ingest.archiving.fixity import damage
from ingest.bundles.bundle import Section
from ingest.context import StageContext
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.errors.types import ServiceUnavailable, StageTerminated
from ingest.ledger.files import FileState, LedgerFile, totals
from ingest.ledger.lease import JobLease
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import quote_name


class Progress:
    """Counts the bytes that are archived and reports them to the ledger, which is also the check of the fence."""

    def __init__(self, lease: JobLease) -> None:
        self.job_id = lease.job_id
        self._ledger = lease
        self._total = totals(lease)[1]
        self._done = totals(lease, FileState.ARCHIVED)[1]
        self._lock = Lock()
        self._is_over = False

    def add(self, size: int) -> None:
        """Count `size` more bytes; raises FenceLost, and StageTerminated when another thread has failed."""
        with self._lock:
            self._done += size
        if self._is_over:
            raise StageTerminated("another file could not be sent")
        self._ledger.report(self._done, self._total)

    def end(self) -> None:
        """Let every thread end that counts bytes here."""
        self._is_over = True


class HashingBody(io.RawIOBase):
    """The bytes of a file on their way to the archive: hashed and counted as they pass.

    With a `hasher` each block is hashed there while the archive takes it.
    """

    def __init__(self, section: Section, hash_type: str, progress: Progress, hasher: Executor | None = None) -> None:
        super().__init__()
        self._section = section
        self._progress = progress
        self._hash = hashlib.new(hash_type, usedforsecurity=False)
        self._hasher = hasher
        self._hashing: Future[None] | None = None
        self.size = 0

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes; raises FenceLost in the middle of a transfer when the job was taken over."""
        failpoint("ingest_files.reading", self._progress.job_id)
        data = self._section.read(size)
        self._add(data)
        self.size += len(data)
        self._progress.add(len(data))
        return data

    def _add(self, data: bytes) -> None:
        if self._hasher is None:
            self._hash.update(data)
            return
        self._wait()
        self._hashing = self._hasher.submit(self._hash.update, data)

    def _wait(self) -> None:
        if self._hashing is not None:
            self._hashing.result()

    @property
    def hash_sum(self) -> str:
        """The hash of what was read, in hexadecimal digits."""
        self._wait()
        return self._hash.hexdigest()


@dataclass(frozen=True)
class BatchTransfer:
    """What the files of a batch have in common: the open bundle, who counts, what is wrong, and where blocks are hashed."""

    context: StageContext
    bundle: BinaryIO
    progress: Progress
    faults: FaultList
    hasher: Executor

    def archive(self, file: LedgerFile) -> bool:
        """Send a file unless the archive holds all of it; gives whether it does then, and has the declared hash.

        After a file that is not what it should be, the others are only hashed. Raises ServiceUnavailable, FenceLost.
        """
        if self.faults:
            self.check(file)
            return False
        return self._is_stored(file) or self._send(file)

    def check(self, file: LedgerFile) -> None:
        """Read and hash a file; a hash that differs is a fault. Raises FenceLost."""
        body = self._body(file)
        while body.read(self.context.settings.transfer_size):
            pass
        self._is_as_declared(file, body.hash_sum)

    def _is_stored(self, file: LedgerFile) -> bool:
        """Whether the archive holds all of a file that an earlier process was sending; a part of it is deleted."""
        if file.state is not FileState.SENDING:
            return False
        archive = self.context.services.archive
        stored = archive.size(file.file_id)
        if stored is None:
            return False
        if stored == file.size and damage(archive, file, self.progress.add) is None:
            return True
        delete_part(self.context, file)
        return False

    def _send(self, file: LedgerFile) -> bool:
        context, archive, body = self.context, self.context.services.archive, self._body(file)
        # The real archive empties a file when a PUT begins, before any of its body is read.
        context.lease.check()
        archive.put(file.file_id, cast(BinaryIO, body), file.size)
        failpoint("ingest_files.sent", context.lease.job_id)
        stored = archive.size(file.file_id)
        failpoint("ingest_files.verified", context.lease.job_id)
        if body.size != file.size or stored != file.size:
            reason = f"it stored {stored} of the {file.size} bytes of {quote_name(file.path)}; they are sent again"
            raise ServiceUnavailable("the archive", context.settings.archiveinterface_url, reason)
        return self._is_as_declared(file, body.hash_sum)

    def _body(self, file: LedgerFile) -> HashingBody:
        is_large = file.size > self.context.settings.transfer_size
        section = Section(self.bundle, file.offset, file.size)
        return HashingBody(section, file.hash_type, self.progress, self.hasher if is_large else None)

    def _is_as_declared(self, file: LedgerFile, hash_sum: str) -> bool:
        if hash_sum == file.hash_sum:
            return True
        found, declared = f"the {file.hash_type} {hash_sum}", f"the metadata declares {file.hash_sum}"
        self.faults.add(FaultCode.HASH_DIFFERS, f"file {quote_name(file.path)} has {found}, {declared}")
        return False
