"""Count the bytes of a job that were archived, and record the progress in the ledger.

Used by `ingest.archiving.batches` and `ingest.archiving.moves.move`.
"""

from threading import Lock

from ingest.errors.types import StageTerminated
from ingest.ledger.files import totals
from ingest.ledger.lease import JobLease
from ingest.ledger.models import FileState


class Progress:
    """Count bytes from several threads; each report also checks that this process still holds the job."""

    def __init__(self, lease: JobLease) -> None:
        self.job_id = lease.job_id
        self._lease = lease
        self._total = totals(lease)[1]
        self._done = totals(lease, FileState.ARCHIVED)[1]
        self._lock = Lock()
        self._has_ended = False

    def add(self, size: int) -> None:
        """Count `size` more bytes; raises FenceLost, and StageTerminated when another thread has failed."""
        with self._lock:
            self._done += size
        if self._has_ended:
            raise StageTerminated("another file could not be sent")
        self._lease.report_progress(self._done, self._total)

    def end(self) -> None:
        """Make the next `add` of every thread raise StageTerminated."""
        self._has_ended = True
