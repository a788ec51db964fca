"""Compares an idle job with its files in the archive and its transaction in the catalog. Changes nothing.

Called by `ingest.operations.reconcile.comparison`.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.archiving.fixity import find_damage
from ingest.errors.types import FenceLost
from ingest.ledger.files import LedgerFile, batches, files_with_ids
from ingest.ledger.models import FileState
from ingest.operations.reconcile.findings import (
    DELETE_FILE,
    FIND_OWNER,
    RESTORE_CATALOG,
    RESTORE_FILE,
    RETRY_JOB,
    SEND_BUNDLE,
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
    """Compares jobs one by one. `hash_percent` is the percentage of files, chosen at random, that are read and hashed."""

    services: Services
    counts: Counts
    hash_percent: float

    def compare(self, compared: ComparedJob) -> Iterator[Finding]:
        """Yield the differences of a job, until a process acquires it.

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
            return self._compare_cataloged(compared)
        return self._compare_failed(compared)

    def _compare_cataloged(self, compared: ComparedJob) -> Iterator[Finding]:
        entries = self.services.metadata.find(compared.job_id)
        if entries is None:
            what = "the catalog lacks its transaction"
            yield Finding(Problem.UNCATALOGED, what, RESTORE_CATALOG, compared.job_id)
        for file in files_with_ids(compared.lease):
            if entries is not None and (conflict := _conflict(file, entries.pop(file.file_id, None))):
                yield _finding(Problem.CONFLICT, conflict, RESTORE_CATALOG, compared, file)
            yield from self._check_stored(compared, file, RESTORE_FILE)
        for file_id in entries or ():
            what = "its transaction has a file that is not the job's"
            yield Finding(Problem.CONFLICT, what, FIND_OWNER, compared.job_id, file_id)

    def _compare_failed(self, compared: ComparedJob) -> Iterator[Finding]:
        if self.services.metadata.find(compared.job_id) is not None:
            is_rejected = compared.outcome is Outcome.REJECTED
            what = f"it {'was rejected' if is_rejected else 'failed'}, and the catalog holds a transaction with its id"
            yield Finding(Problem.CONFLICT, what, FIND_OWNER if is_rejected else RETRY_JOB, compared.job_id)
        if not compared.was_sent:
            # A file in the archive under one of its ids was sent by another system; such an id is never used.
            return
        for file in files_with_ids(compared.lease):
            if compared.outcome is not Outcome.REJECTED and file.state is FileState.ARCHIVED:
                yield from self._check_stored(compared, file, SEND_BUNDLE)
            else:
                yield from self._check_absent(compared, file)

    def _check_stored(self, compared: ComparedJob, file: LedgerFile, remedy: str) -> Iterator[Finding]:
        """Yield the problem of a file that the archive must hold, if there is one."""
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

    def _check_absent(self, compared: ComparedJob, file: LedgerFile) -> Iterator[Finding]:
        """Yield the problem of a file that the archive must not hold, if there is one."""
        self.counts.add("files")
        if not is_dark(self.services, compared.outcome, file):
            return
        what = "the archive holds it, although the ledger does not list it as archived"
        if is_ours(self.services.archive, file):
            yield _finding(Problem.DARK, what, DELETE_FILE, compared, file, ours=True)
        else:
            what += "; its bytes are not those of the job, so another system may use the same id"
            yield _finding(Problem.DARK, what, FIND_OWNER, compared, file)

    def _is_chosen(self) -> bool:
        return random.random() * ALL_PERCENT < self.hash_percent  # noqa: S311 - a sample, hides nothing


def _conflict(file: LedgerFile, entry: FileHash | None) -> str | None:
    """Return how a file differs from its entry in the catalog, or None."""
    if entry is None:
        return "its transaction in the catalog lacks it"
    if entry == FileHash(file.hash_type, file.hash_sum):
        return None
    return f"the catalog has the {entry.hash_type} {quote_name(entry.hash_sum)}, the ledger {file.hash_sum}"


def _finding(
    problem: Problem, what: str, remedy: str, compared: ComparedJob, file: LedgerFile, *, ours: bool = False
) -> Finding:
    return Finding(problem, what, remedy, compared.job_id, file.file_id, file.path, ours)
