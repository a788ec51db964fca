"""Reserving the room of a file before it is written: Linux's fallocate(2), which Python does not offer.

Called by `ingest.spool`.
"""

import ctypes
import errno
import os
import sys
from functools import cache

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def reserve(descriptor: int, size: int) -> None:
    """Give an open file `size` bytes of room, where the file system can; raises OSError when there is no room."""
    # A file that does not grow is written twice as fast, and a full disk is known before a byte is read. Not
    # os.posix_fallocate: where the file system cannot, glibc writes into every block instead.
    if sys.platform != "linux":
        return
    while _libc().fallocate(descriptor, 0, 0, size) != 0:
        number = ctypes.get_errno()
        if number in FULL:
            raise OSError(number, os.strerror(number))
        if number != errno.EINTR:
            return


@cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return library
