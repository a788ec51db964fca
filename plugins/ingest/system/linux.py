"""Calls of Linux: fallocate(2), sync_file_range(2), posix_fadvise(2), syncfs(2), linkat(2), and glibc's mallopt(3).

Called by `ingest.spool`, by both archives, by moves and by the API's server. On another system space is not reserved,
nothing is written early or read from the disk again, all disks are synced where one is meant, and memory is handled as it
is there.
"""

import ctypes
import errno
import os
import sys
from functools import cache

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
SYNC_FILE_RANGE_WRITE = 2
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


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


def write_back(descriptor: int, offset: int, size: int) -> None:
    """Let the system begin to write a part of an open file to the disk, without waiting for it."""
    # Only advice: what could not be written is told by the sync that follows at the end, which then has less to do.
    if sys.platform == "linux":
        _libc().sync_file_range(descriptor, offset, size, SYNC_FILE_RANGE_WRITE)


def forget_in_memory(descriptor: int) -> None:
    """Let what is read of an open file come from the disk; what has not been written yet stays in memory."""
    if sys.platform == "linux":
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def sync_file_system(descriptor: int) -> None:
    """Have all on the disk, contents and names, that was written to the file system that an open file or folder is of.

    Raises OSError for what could not be written since the descriptor was opened (Linux 5.8 and newer).
    """
    if sys.platform != "linux":
        os.sync()
    elif _libc().syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def link_open_file(descriptor: int, name: str, folder: int) -> None:
    """Link an open file to a name in an open folder; raises OSError, FileExistsError for a name that is taken.

    The file is named by its descriptor, so another file that got its old name meanwhile is never linked.
    """
    # With a folder's descriptor Python calls linkat(2) with AT_SYMLINK_FOLLOW, which the entry in /proc needs.
    os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=folder, follow_symlinks=True)


def keep_freed_memory(largest_block: int, size: int) -> None:
    """Let this process, and those that it forks, use freed blocks again, instead of giving each back to the system at once.

    `largest_block` is the largest that is kept, `size` how much of them, in bytes. What variables of the environment told
    malloc(3) stands no more.
    """
    # Only glibc has it; another library is left alone.
    if sys.platform == "linux" and hasattr(_libc(), "mallopt"):
        _libc().mallopt(M_MMAP_THRESHOLD, largest_block)
        _libc().mallopt(M_TRIM_THRESHOLD, size)


@cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    library.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    library.syncfs.argtypes = (ctypes.c_int,)
    return library
