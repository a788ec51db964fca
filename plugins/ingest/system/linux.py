"""System calls of Linux: fallocate(2), sync_file_range(2), posix_fadvise(2), syncfs(2), linkat(2), and glibc's mallopt(3).

Called by `ingest.spool`, by both archives, by moves and by the API's server. On other systems no space is reserved, no
write-back is started early, the page cache is kept, all disks are synced instead of one, and malloc is not configured.
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
    """Reserve `size` bytes for an open file if the file system can; raise OSError if the disk is full."""
    # Writing to reserved space is twice as fast, and a full disk is detected before a byte is read. os.posix_fallocate
    # is not used, because on a file system without support glibc writes to every block instead.
    if sys.platform != "linux":
        return
    while _libc().fallocate(descriptor, 0, 0, size) != 0:
        number = ctypes.get_errno()
        if number in FULL:
            raise OSError(number, os.strerror(number))
        if number != errno.EINTR:
            return


def write_back(descriptor: int, offset: int, size: int) -> None:
    """Start writing a part of an open file to the disk, without waiting for it."""
    # A hint only: the sync at the end reports write errors, and has less to do.
    if sys.platform == "linux":
        _libc().sync_file_range(descriptor, offset, size, SYNC_FILE_RANGE_WRITE)


def drop_cached_pages(descriptor: int) -> None:
    """Drop the cached pages of an open file, so that reads come from the disk; unwritten pages stay cached."""
    if sys.platform == "linux":
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def sync_file_system(descriptor: int) -> None:
    """Write all contents and names to the disk, for the file system of an open file or folder.

    Raises OSError for a write error since the descriptor was opened (Linux 5.8 and newer).
    """
    if sys.platform != "linux":
        os.sync()
    elif _libc().syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def link_open_file(descriptor: int, name: str, folder: int) -> None:
    """Link an open file to a name in an open folder; raise OSError, FileExistsError if the name exists.

    The descriptor identifies the file, so a different file that now has its old name is never linked.
    """
    # With `dst_dir_fd` Python calls linkat(2) with AT_SYMLINK_FOLLOW, which the link in /proc needs.
    os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=folder, follow_symlinks=True)


def keep_freed_memory(largest_block: int, size: int) -> None:
    """Make this process and its forks keep freed blocks for reuse, instead of returning each to the system immediately.

    `largest_block` is the largest block that is kept, `size` the total, in bytes. This overrides the environment
    variables of malloc(3).
    """
    # Only glibc has mallopt(3).
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
