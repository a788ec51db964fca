"""Compute the digests of a body while it arrives, and of a complete file.

Called by `api.routes.bundles`. hashlib releases Python's global lock, so a second thread hashes a block while the next one
arrives and is written.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import BinaryIO

from ingest.spool import Readable

# The algorithms that RFC 9530 does not call insecure, by their names in headers.
ALGORITHMS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
# Digests by the names of their algorithms.
Digests = Mapping[str, bytes]


class HashedBody:
    """A body whose blocks are hashed after they are read; without algorithms it costs nothing."""

    def __init__(self, body: Readable, algorithms: Collection[str], threads: Executor | None) -> None:
        self._body = body
        self._hashes = {algorithm: ALGORITHMS[algorithm]() for algorithm in algorithms}
        self._threads = threads
        self._hashing: list[Future[None]] = []

    def read(self, size: int, /) -> bytes | bytearray:
        """Return at most `size` bytes, which must not be changed; raises the errors of the body."""
        block = self._body.read(size)
        # One block behind the body, so that at most two blocks are in memory.
        if self._threads is not None:
            self._wait()
            self._hashing = [self._threads.submit(each.update, block) for each in self._hashes.values()]
        return block

    def read_all(self, block_size: int) -> int:
        """Read the rest of the body in blocks, without keeping it; return its size in bytes."""
        size = 0
        while block := self.read(block_size):
            size += len(block)
        return size

    def digests(self) -> Digests:
        """Return the digests of the blocks that were read."""
        self._wait()
        return {algorithm: each.digest() for algorithm, each in self._hashes.items()}

    def _wait(self) -> None:
        for future in self._hashing:
            future.result()


@contextmanager
def hashing(body: Readable, algorithms: Collection[str]) -> Iterator[HashedBody]:
    """Hash a body while the `with` block reads it, in a thread for each algorithm."""
    if not algorithms:
        yield HashedBody(body, (), None)
        return
    with ThreadPoolExecutor(len(algorithms), "hashing") as threads:
        yield HashedBody(body, algorithms, threads)


def hash_file(file: BinaryIO, algorithms: Collection[str], block_size: int) -> Digests:
    """Read an open file from its position to its end in blocks; return its digests. Raises OSError."""
    with hashing(file, algorithms) as body:
        body.read_all(block_size)
        return body.digests()
