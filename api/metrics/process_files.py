"""The folder in which the processes of a server share the metrics that they count. Created by `api.server`.

Its files are mapped into memory, so they must not be on a disk that can be full: writing would kill the process. Linux keeps
/dev/shm in memory.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Read by prometheus_client.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of its own
PREFIX = "pacifica-ingest-metrics-"
# A server that is about to start has created its folder, and does not hold the lock yet.
MIN_AGE_SECONDS = 60


@contextmanager
def shared_folder() -> Iterator[None]:
    """Create an empty folder for the processes that the `with` block starts, and remove it at the end."""
    parent = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    folder = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
    descriptor, owner = os.open(folder, os.O_RDONLY), os.getpid()
    try:
        # The processes of the server inherit the lock.
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        os.environ[FOLDER_VARIABLE] = folder
        yield
    finally:
        os.close(descriptor)
        # A process of the server that ends leaves the block too.
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    """Remove the folders of this account's servers that were killed: no process holds their lock."""
    for folder in parent.glob(f"{PREFIX}*"):
        # Another account's, or removed by another server meanwhile.
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime < MIN_AGE_SECONDS:
                continue
            descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)
