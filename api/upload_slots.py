"""How many uploads one API receives at the same moment, counted over all of its processes.

Made by `api.server` before it forks; `api.receive` takes a slot before it reads a body.
"""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from api.request_errors import TooManyUploads

RETRY_SECONDS = 10


class UploadSlots:
    """So many uploads at once, and no more.

    A slot is a byte of a file without a name, which the processes inherit: one locks it for another to see, and keeps in
    memory which of them its own threads have. The kernel lets go of the locks of a process that is killed.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        # Never closed: a process that closes a file gives up all its locks on it.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._mutex = Lock()
        self._mine: set[int] = set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a slot in the `with` block; raises TooManyUploads when none is free."""
        slot = self._take()
        try:
            yield
        finally:
            self._release(slot)

    def _take(self) -> int:
        with self._mutex:
            for slot in range(self._count):
                if slot not in self._mine and self._lock(slot):
                    self._mine.add(slot)
                    return slot
        again = {"Retry-After": str(RETRY_SECONDS)}
        raise TooManyUploads(f"{self._count} uploads are under way, which is all at once; send it again later", again)

    def _lock(self, slot: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except BlockingIOError:
            return False
        return True

    def _release(self, slot: int) -> None:
        with self._mutex:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)
            self._mine.discard(slot)
