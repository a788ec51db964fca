"""The body of a request to the archive: a file of the bundle, hashed and counted while it is read.

Used by `ingest.archiving.transfer`.
"""

import hashlib
import io
from concurrent.futures import Executor, Future

from ingest.archiving.progress import Progress
from ingest.bundles.bundle import Section
from ingest.system.failpoints import failpoint


class HashingBody(io.RawIOBase):
    """Hash and count the bytes of a file as they are read.

    With a `hasher` each block is hashed in its threads, while the archive receives the block.
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
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; raises FenceLost in the middle of a transfer when another process acquired the job."""
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
        """The hash of the bytes that were read, in hexadecimal digits."""
        self._wait()
        return self._hash.hexdigest()
