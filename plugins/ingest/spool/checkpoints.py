"""Make the bytes of a request durable, and report them, while more arrive. Used by `ingest.spool.append`.

A sync in between would halve the rate of the request, so a second thread does it. Linux reports a write-back error only
once: the next sync succeeds although the bytes are not on the disk. Therefore nothing is synced after a sync that failed.
"""

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ingest.errors.types import DatabaseUnavailable
from ingest.spool import translate_disk_errors
from ingest.system.failpoints import failpoint

logger = logging.getLogger(__name__)

# A kill costs at most the bytes of one of them, and those that arrive during the sync.
CHECKPOINT_SECONDS = 1.0
CHECKPOINT_BYTES = 256 * 1024**2


class Checkpoints:
    """The offsets of one request, in bytes, up to which its file was synced."""

    def __init__(self, descriptor: int, folder: Path, job_id: int, offset: int, report: Callable[[int], None]) -> None:
        self._descriptor = descriptor
        self._folder = folder
        self._job_id = job_id
        self._report = report
        self._reported = offset
        self._may_sync = True
        self._begun = offset
        self._begun_at = time.monotonic()
        # Most requests are too short for a checkpoint.
        self._thread: ThreadPoolExecutor | None = None
        self._checkpoint: Future[None] | None = None

    def save_when_due(self, end: int) -> None:
        """Begin to save the bytes before `end` if the last time was long ago; raises the error of the last time."""
        is_due = end - self._begun >= CHECKPOINT_BYTES or time.monotonic() - self._begun_at >= CHECKPOINT_SECONDS
        if is_due and (self._checkpoint is None or self._checkpoint.done()):
            self._wait()
            self._begun, self._begun_at = end, time.monotonic()
            self._thread = self._thread or ThreadPoolExecutor(1, "checkpoint")
            self._checkpoint = self._thread.submit(self._save_in_between, end)

    def save(self, end: int) -> None:
        """Sync and report the bytes before `end`, unless a sync has failed; call it once, at the end.

        Raises SpoolFull, SpoolUnavailable, and the errors of the report, also for the last time.
        """
        if self._thread is not None:
            with self._thread:
                self._wait()
        if self._may_sync and end != self._reported:
            self._save(end)

    def _wait(self) -> None:
        checkpoint, self._checkpoint = self._checkpoint, None
        if checkpoint is not None:
            checkpoint.result()

    def _save_in_between(self, end: int) -> None:
        try:
            self._save(end)
        except DatabaseUnavailable as error:
            # The bytes still arrive; a later offset is reported.
            logger.warning("job %d: %s", self._job_id, error.text)
            self._may_sync = True

    def _save(self, end: int) -> None:
        self._may_sync = False
        with translate_disk_errors(self._folder):
            os.fdatasync(self._descriptor)
        failpoint("append.synced", self._job_id)
        self._report(end)
        self._may_sync, self._reported = True, end
