"""Find source folders whose links lead out of the folders that a user may move files from, within a time limit.

Called by `api.receiving.move_document`. The API may have no access to the storage that files are moved from, and storage
that hangs must not block a request. A link that is not found here is found by the stage, which checks every source.
"""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from threading import BoundedSemaphore, Thread

from ingest.archiving.moves.permissions import may_move_from
from ingest.settings.loading import Settings

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 3.0
# Limits the threads that may hang simultaneously in unresponsive storage.
_threads = BoundedSemaphore(4)


def leading_elsewhere(settings: Settings, user: str, folders: Iterable[Path]) -> list[Path]:
    """Return the folders that links resolve to a place from which the user may not move files.

    Parts of a path that do not exist or cannot be read are not resolved, so that the result reveals nothing about them.
    """
    found: list[Path] = []
    wanted = list(folders)
    if not wanted or not _threads.acquire(blocking=False):
        return found
    thread = Thread(target=_resolve, args=(settings, user, wanted, found), daemon=True)
    thread.start()
    thread.join(TIMEOUT_SECONDS)
    if thread.is_alive():
        logger.warning("the storage of moves is unresponsive; only the stage will check links in it")
    return list(found)


def _resolve(settings: Settings, user: str, folders: list[Path], found: list[Path]) -> None:
    try:
        for folder in folders:
            if not may_move_from(settings, user, Path(os.path.realpath(folder))):
                found.append(folder)
    finally:
        _threads.release()
