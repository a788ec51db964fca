"""Root without its privileges on files, so that tests of permissions also work as root."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.local.privileges import CAPABILITY_VERSION_3

# CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER.
OF_FILES = 1 << 1 | 1 << 2 | 1 << 3
Words = ctypes.c_uint32 * 6


@contextmanager
def without_root_privileges() -> Iterator[None]:
    """Drop root's privileges on files from this thread inside the block; other users do not have them."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, before = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), Words()
    assert libc.capget(header, before) == 0
    after = Words(*before)
    # In the order of the kernel's structure: effective, permitted, inheritable.
    after[0] &= ~OF_FILES
    assert libc.capset(header, after) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0
