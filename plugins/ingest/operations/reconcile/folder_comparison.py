"""Compares an archive's folder with the file ids of the ledger and the catalog: a file that neither knows is dark.

Called by `ingest.operations.reconcile.comparison`. A file with an id of the ledger is compared with its job elsewhere
(`job_comparison`).
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select

from ingest.ledger.database import transaction
from ingest.ledger.files import batches
from ingest.ledger.models import File
from ingest.operations.reconcile.findings import DELETE_FILE, FIND_OWNER, Counts, Finding, Problem
from ingest.services.archive_folder import FolderArchive
from ingest.services.archive_listing import StoredFile
from ingest.services.metadata import Metadata

logger = logging.getLogger(__name__)
# A younger file may belong to a transaction that is about to be committed.
MIN_AGE_SECONDS = 3600.0


@dataclass(frozen=True)
class FolderComparison:
    """Looks for dark files in a folder, and deletes them if `delete` is set.

    `built_in` is the built-in archive if the folder belongs to it, so that only this service writes there. In any other
    folder nothing is deleted.
    """

    engine: Engine
    metadata: Metadata
    counts: Counts
    built_in: FolderArchive | None
    delete: bool

    def compare(self, listing: Iterable[StoredFile]) -> Iterator[Finding]:
        """Yield the dark files of a listing; raises ServiceUnavailable, DatabaseUnavailable."""
        latest = time.time() - MIN_AGE_SECONDS
        for batch in batches(listing):
            self.counts.add("listed", len(batch))
            old = [file for file in batch if file.changed < latest]
            known = self._known([file.file_id for file in old if file.file_id is not None])
            for file in old:
                yield from self._compare_file(file, known)

    def _compare_file(self, file: StoredFile, known: frozenset[int]) -> Iterator[Finding]:
        if file.file_id is None:
            yield _dark(file, "the archive does not name its files like this", FIND_OWNER)
        elif self.built_in and file.unfinished:
            if not self.built_in.is_being_written(file.file_id):
                yield _dark(file, "a process died while it wrote the file", DELETE_FILE, ours=True)
                self._delete(file.file_id, self.built_in.delete_unfinished)
        elif file.file_id not in known:
            what = "neither a job nor the catalog knows it"
            yield _dark(file, what, DELETE_FILE if self.built_in else FIND_OWNER, ours=self.built_in is not None)
            # Check again immediately before the deletion.
            if self.built_in and not self._known([file.file_id]):
                self._delete(file.file_id, self.built_in.delete)

    def _delete(self, file_id: int, delete: Callable[[int], None]) -> None:
        if self.delete:
            delete(file_id)
            logger.warning("deleted file %s from the archive", file_id)
            self.counts.add("deleted")

    def _known(self, file_ids: Sequence[int]) -> frozenset[int]:
        """Return the ids that the ledger or the catalog knows, out of at most a batch."""
        with transaction(self.engine) as session:
            ours = frozenset(session.scalars(select(File.file_id).where(File.file_id.in_(file_ids))))
        others = [file_id for file_id in file_ids if file_id not in ours]
        return frozenset(file_id for file_id in ours if file_id is not None) | (
            self.metadata.holds_files(others) if others else frozenset()
        )


def _dark(file: StoredFile, what: str, remedy: str, *, ours: bool = False) -> Finding:
    return Finding(Problem.DARK, what, remedy, file_id=file.file_id, path=str(file.path), ours=ours)
