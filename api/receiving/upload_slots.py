"""How many uploads one API receives simultaneously, counted over all of its processes, and how many of them for one user.

Made by `api.server` before it forks; `api.routes.bundles` takes a slot before it reads a body.
"""

import fcntl
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from threading import Lock

from api.receiving.upload_errors import TooManyUploads
from ingest.errors.types import UserUploadsLimit
from ingest.ledger.user_shares import part_of

RETRY_SECONDS = 10
OWNER_BYTES = 16
# Linux's `struct flock`: type, whence, start, length, process.
FLOCK = "hhqqi4x"


class UploadSlots:
    """A fixed number of slots, shared by the processes of an API.

    A slot is a byte of a file without a name, which the processes inherit: one locks it for another to see, and keeps in
    memory which of them its own threads have. The kernel releases the locks of a process that is killed. The file holds a
    digest of the user's name for each slot, which is valid while the slot is locked.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        # Never closed: a process that closes a file gives up all its locks on it.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._mutex = Lock()
        self._mine: set[int] = set()

    @contextmanager
    def one(self, user: str, share: float = 1.0) -> Iterator[None]:
        """Hold a slot in the `with` block; `share` is the fraction of the slots that one user may have.

        Raises TooManyUploads when no slot is free, UserUploadsLimit when the user has too many of them.
        """
        slot = self._take(user, share)
        try:
            yield
        finally:
            self._release(slot)

    def _take(self, user: str, share: float) -> int:
        owner = _digest(user)
        with self._mutex:
            slot = self._lock_any()
            # Written before it is counted: of two processes that take a user's last slot, one sees the other.
            os.pwrite(self._file.fileno(), owner, slot * OWNER_BYTES)
            mine, others = self._count_held(owner)
            if mine > part_of(self._count - others, share):
                self._unlock(slot)
                raise UserUploadsLimit(
                    f"{mine - 1} of your uploads are under way, as many as one user may have now; others are taken: send "
                    "it again when one of yours has ended"
                )
            return slot

    def _lock_any(self) -> int:
        for slot in range(self._count):
            if slot not in self._mine and self._lock(slot):
                self._mine.add(slot)
                return slot
        again = {"Retry-After": str(RETRY_SECONDS)}
        raise TooManyUploads(
            f"{self._count} uploads are under way, as many as all users may have; send it again later", again
        )

    def _count_held(self, owner: bytes) -> tuple[int, int]:
        """Return how many slots the owner of a digest holds, and how many all others hold."""
        held = [slot for slot in range(self._count) if self._is_held(slot)]
        owners = [os.pread(self._file.fileno(), OWNER_BYTES, slot * OWNER_BYTES) for slot in held]
        mine = owners.count(owner)
        return mine, len(held) - mine

    def _is_held(self, slot: int) -> bool:
        # Queried, not tried: a lock that is tried for a moment would be seen by the other processes.
        query = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, slot, 1, 0)
        answer: bytes = fcntl.fcntl(self._file, fcntl.F_GETLK, query)
        return slot in self._mine or struct.unpack(FLOCK, answer)[0] != fcntl.F_UNLCK

    def _lock(self, slot: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except BlockingIOError:
            return False
        return True

    def _unlock(self, slot: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)
        self._mine.discard(slot)

    def _release(self, slot: int) -> None:
        with self._mutex:
            self._unlock(slot)


def _digest(user: str) -> bytes:
    return blake2b(user.encode(), digest_size=OWNER_BYTES).digest()
