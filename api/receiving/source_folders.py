"""Folders of sources from which links lead to where a user may not move files from, found within a time-out.

Called by `api.receiving.move_document`. The API need not see the storage that files are moved from, and storage that
hangs must not hold a request: what is not found here is found by the stage, which looks again in any case.
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
# Of threads that may hang at the same time in storage that does not answer.
_threads = BoundedSemaphore(4)


def leading_elsewhere(settings: Settings, user: str, folders: Iterable[Path]) -> list[Path]:
    """Return those folders, of permitted ones, that links lead out of what the user is permitted.

    A part of a path that does not exist, or may not be looked into, is taken as it is written: the answer does not depend on
    it.
    """
    found: list[Path] = []
    wanted = list(folders)
    if not wanted or not _threads.acquire(blocking=False):
        return found
    thread = Thread(target=_look, args=(settings, user, wanted, found), daemon=True)
    thread.start()
    thread.join(TIMEOUT_SECONDS)
    if thread.is_alive():
        logger.warning("storage of moves does not answer; only the stage will look at links in it")
    return list(found)


def _look(settings: Settings, user: str, folders: list[Path], found: list[Path]) -> None:
    try:
        for folder in folders:
            if not may_move_from(settings, user, Path(os.path.realpath(folder))):
                found.append(folder)
    finally:
        _threads.release()
