"""Transfer files to the archive: each is hashed while it is sent, and its size compared afterwards.

Called by `ingest.archiving.batches`, from several threads where the archive accepts several requests simultaneously.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, cast

from ingest.archiving.hashing_body import HashingBody
from ingest.archiving.progress import Progress
from ingest.bundles.bundle import Section
from ingest.context import StageContext
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.errors.types import ServiceUnavailable
from ingest.ledger.files import LedgerFile
from ingest.services.outgoing_file import OutgoingFile
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import quote_name


@dataclass(frozen=True)
class BatchTransfer:
    """The state that all files of a batch share: the open bundle, the progress, the faults, and the threads that hash."""

    context: StageContext
    bundle: BinaryIO
    progress: Progress
    faults: FaultList
    hasher: Executor

    def check(self, file: LedgerFile) -> None:
        """Read and hash a file; a hash that differs is a fault. Raises FenceLost."""
        body = self._body(file)
        while body.read(self.context.settings.transfer_size):
            pass
        self._is_as_declared(file, body.hash_sum)

    def send_all(self, files: Iterable[LedgerFile]) -> Iterator[LedgerFile]:
        """Send files; yield each that the archive then holds with the declared size and hash.

        Once a file of the job is not as declared, the others are only hashed. Raises ServiceUnavailable, FenceLost.
        """
        archive = self.context.services.archive
        sent: deque[tuple[LedgerFile, HashingBody]] = deque()
        # The fence is checked before each PUT: ArchiveInterface truncates the file before it reads the body.
        with closing(archive.put_all(self._outgoing(files, sent), self.context.lease.check_fence)) as stored_sizes:
            for stored in stored_sizes:
                file, body = sent.popleft()
                failpoint("ingest_files.verified", self.context.lease.job_id)
                self._check_size(file, body, stored)
                if self._is_as_declared(file, body.hash_sum):
                    yield file

    def _outgoing(
        self, files: Iterable[LedgerFile], sent: deque[tuple[LedgerFile, HashingBody]]
    ) -> Iterator[OutgoingFile]:
        """Yield what the archive is to store, as soon as it can send it; append each file to `sent`."""
        for file in files:
            if self.faults:
                self.check(file)
                continue
            body = self._body(file)
            sent.append((file, body))
            yield OutgoingFile(file.file_id, cast(BinaryIO, body), file.size)
            failpoint("ingest_files.sent", self.context.lease.job_id)

    def _check_size(self, file: LedgerFile, body: HashingBody, stored: int | None) -> None:
        if body.size != file.size or stored != file.size:
            reason = f"it stored {stored} of the {file.size} bytes of {quote_name(file.path)}; they are sent again"
            raise ServiceUnavailable("the archive", self.context.settings.archiveinterface_url, reason)

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
