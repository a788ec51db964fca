"""Comparing one job at rest with what archive and catalogue hold of it.

Called by `ingest.operations.reconcile.comparison`. Nothing is changed.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.archiving.fixity import find_damage
from ingest.errors.types import FenceLost
from ingest.ledger.files import LedgerFile, batches, files_with_ids
from ingest.ledger.models import FileState
from ingest.operations.reconcile.findings import (
    CATALOG_FROM_BACKUP,
    DELETE,
    FROM_BACKUP,
    RETRY,
    SEND_ANEW,
    WHOSE,
    Counts,
    Finding,
    Problem,
)
from ingest.operations.reconcile.idle_jobs import ComparedJob
from ingest.operations.reconcile.stored_files import is_dark, is_ours
from ingest.services import Services
from ingest.services.metadata import FileHash
from ingest.states.job_record import Outcome
from ingest.system.sanitize import quote_name

ALL_PERCENT = 100.0


@dataclass(frozen=True)
class JobComparison:
    """Compares jobs one by one. `hash_percent` is how many of the files are read and hashed, by chance."""

    services: Services
    counts: Counts
    hash_percent: float

    def compare(self, compared: ComparedJob) -> Iterator[Finding]:
        """Give what is wrong with a job; nothing from the moment on when somebody takes it over.

        Raises ServiceUnavailable, DatabaseUnavailable.
        """
        if not compared.is_idle:
            self.counts.add("going_on")
            return
        try:
            for batch in batches(self._differences(compared)):
                compared.check()
                yield from batch
        except FenceLost:
            self.counts.add("going_on")
        else:
            self.counts.add("jobs")

    def _differences(self, compared: ComparedJob) -> Iterator[Finding]:
        if compared.outcome is Outcome.CATALOGED:
            return self._of_cataloged(compared)
        return self._of_ended_otherwise(compared)

    def _of_cataloged(self, compared: ComparedJob) -> Iterator[Finding]:
        known = self.services.metadata.find(compared.job_id)
        if known is None:
            what = "the catalogue lacks its transaction"
            yield Finding(Problem.UNCATALOGED, what, CATALOG_FROM_BACKUP, compared.job_id)
        for file in files_with_ids(compared.lease):
            if known is not None and (conflict := _conflict(file, known.pop(file.file_id, None))):
                yield _finding(Problem.CONFLICT, conflict, CATALOG_FROM_BACKUP, compared, file)
            yield from self._of_archived(compared, file, FROM_BACKUP)
        for file_id in known or ():
            what = "its transaction has a file that is not the job's"
            yield Finding(Problem.CONFLICT, what, WHOSE, compared.job_id, file_id)

    def _of_ended_otherwise(self, compared: ComparedJob) -> Iterator[Finding]:
        if self.services.metadata.find(compared.job_id) is not None:
            is_rejected = compared.outcome is Outcome.REJECTED
            what = (
                f"it {'was rejected' if is_rejected else 'failed'}, and the catalogue holds a transaction with its id"
            )
            yield Finding(Problem.CONFLICT, what, WHOSE if is_rejected else RETRY, compared.job_id)
        if not compared.was_sent:
            # What lies under its ids was sent by somebody else; such ids are never used.
            return
        for file in files_with_ids(compared.lease):
            if compared.outcome is not Outcome.REJECTED and file.state is FileState.ARCHIVED:
                yield from self._of_archived(compared, file, SEND_ANEW)
            else:
                yield from self._of_unarchived(compared, file)

    def _of_archived(self, compared: ComparedJob, file: LedgerFile, remedy: str) -> Iterator[Finding]:
        """Compare a file that the archive must hold."""
        self.counts.add("files")
        size = self.services.archive.size(file.file_id)
        if size is None:
            yield _finding(Problem.LOST, "the archive lacks it", remedy, compared, file)
        elif size != file.size:
            what = f"the archive holds {size} bytes of {file.size}"
            yield _finding(Problem.CORRUPT, what, remedy, compared, file)
        elif self._is_chosen():
            self.counts.add("hashed")
            if damaged := find_damage(self.services.archive, file):
                yield _finding(Problem.CORRUPT, damaged, remedy, compared, file)

    def _of_unarchived(self, compared: ComparedJob, file: LedgerFile) -> Iterator[Finding]:
        """Compare a file that the archive must not hold."""
        self.counts.add("files")
        if not is_dark(self.services, compared.outcome, file):
            return
        what = "the archive holds it, though the job does not"
        if is_ours(self.services.archive, file):
            yield _finding(Problem.DARK, what, DELETE, compared, file, ours=True)
        else:
            what += "; its bytes are not the job's, so another system may have the same id"
            yield _finding(Problem.DARK, what, WHOSE, compared, file)

    def _is_chosen(self) -> bool:
        return random.random() * ALL_PERCENT < self.hash_percent  # noqa: S311 - a sample, hides nothing


def _conflict(file: LedgerFile, known: FileHash | None) -> str | None:
    """Compare a file with what the catalogue has of it; gives what is wrong."""
    if known is None:
        return "its transaction in the catalogue lacks it"
    if known == FileHash(file.hash_type, file.hash_sum):
        return None
    return f"the catalogue has the {known.hash_type} {quote_name(known.hash_sum)}, the ledger {file.hash_sum}"


def _finding(
    problem: Problem, what: str, remedy: str, compared: ComparedJob, file: LedgerFile, *, ours: bool = False
) -> Finding:
    return Finding(problem, what, remedy, compared.job_id, file.file_id, file.path, ours)
