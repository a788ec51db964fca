"""Limit the simultaneous uploads of an API, counted over all of its processes, and those of each user.

Made by `api.server` before it forks; the routes that read a body take a slot before (`slot_of`).
"""

import fcntl
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import blake2b
from threading import Lock

from api.receiving.upload_errors import TooManyUploads
from api.resources import Resources
from ingest.errors.types import UserUploadsLimit
from ingest.ledger.user_shares import fraction_of, share_of

RETRY_SECONDS = 10
OWNER_BYTES = 16
# Linux's `struct flock`: type, whence, start, length, process.
FLOCK = "hhqqi4x"


class UploadSlots:
    """A fixed number of slots, shared by the processes of an API.

    A slot is a byte of an unnamed file that the processes inherit. A process locks the byte, which the other processes see,
    and remembers which slots its own threads hold. The kernel releases the locks of a process that is killed. The file holds
    a digest of the user's name for each slot, which is valid while the slot is locked.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        # Never closed: closing a file releases all locks of the process on it.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._mutex = Lock()
        self._mine: set[int] = set()

    @contextmanager
    def one(self, user: str, share: float = 1.0) -> Iterator[None]:
        """Hold a slot during the `with` block; `share` is the fraction of the slots that one user may hold.

        Raises TooManyUploads when no slot is free, UserUploadsLimit when the user holds too many.
        """
        slot = self._take(user, share)
        try:
            yield
        finally:
            self._release(slot)

    def used(self) -> int:
        """Return the number of slots that are held."""
        with self._mutex:
            return len(self._held())

    def _take(self, user: str, share: float) -> int:
        owner = _digest(user)
        with self._mutex:
            slot = self._lock_any()
            # Written before the slots are counted: if two processes take a user's last slot, one of them sees the other.
            os.pwrite(self._file.fileno(), owner, slot * OWNER_BYTES)
            if share >= 1:
                # The user may hold all slots, so counting them is not needed.
                return slot
            mine, others = self._count_held(owner)
            if mine > fraction_of(self.count - others, share):
                self._unlock(slot)
                raise UserUploadsLimit(
                    f"{mine - 1} of your uploads are in progress, the limit for one user now; send it again when one "
                    "of them has ended"
                )
            return slot

    def _lock_any(self) -> int:
        for slot in range(self.count):
            if slot not in self._mine and self._lock(slot):
                self._mine.add(slot)
                return slot
        again = {"Retry-After": str(RETRY_SECONDS)}
        raise TooManyUploads(
            f"{self.count} uploads are in progress, the limit for all users; send it again later", again
        )

    def _count_held(self, owner: bytes) -> tuple[int, int]:
        """Return how many slots the owner of a digest holds, and how many all others hold."""
        held = self._held()
        owners = [os.pread(self._file.fileno(), OWNER_BYTES, slot * OWNER_BYTES) for slot in held]
        mine = owners.count(owner)
        return mine, len(held) - mine

    def _held(self) -> list[int]:
        return [slot for slot in range(self.count) if self._is_held(slot)]

    def _is_held(self, slot: int) -> bool:
        # A query instead of an attempt: the other processes would see a lock that is held only for a moment.
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


def slot_of(resources: Resources, user: str) -> AbstractContextManager[None]:
    """Return the context that holds a slot for a user, within the user's share; raises as `UploadSlots.one`."""
    return resources.get(UploadSlots).one(user, share_of(resources.settings, user).uploads)


def _digest(user: str) -> bytes:
    return blake2b(user.encode(), digest_size=OWNER_BYTES).digest()
