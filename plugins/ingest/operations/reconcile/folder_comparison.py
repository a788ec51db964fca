"""Comparing an archive's folder with all that knows of file ids: what nobody knows is dark.

Called by `ingest.operations.reconcile.comparison`. What lies there under the id of one of our files is compared with
its job.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select

from ingest.ledger.database import transaction
from ingest.ledger.files import batches
from ingest.ledger.models import File
from ingest.operations.reconcile.findings import DELETE, WHOSE, Counts, Finding, Problem
from ingest.services.archive_folder import FolderArchive
from ingest.services.archive_listing import StoredFile
from ingest.services.metadata import Metadata

logger = logging.getLogger(__name__)
# What is younger may belong to somebody who is just about to say so.
AGE_SECONDS = 3600.0


@dataclass(frozen=True)
class FolderComparison:
    """Looks for dark files in a folder, and deletes them if told to.

    `own` is the built-in archive if the folder is its: nobody else writes there. In any other one nothing is deleted.
    """

    engine: Engine
    metadata: Metadata
    counts: Counts
    own: FolderArchive | None
    delete: bool

    def compare(self, listing: Iterable[StoredFile]) -> Iterator[Finding]:
        """Give what nobody knows; raises ServiceUnavailable, DatabaseUnavailable."""
        latest = time.time() - AGE_SECONDS
        for batch in batches(listing):
            self.counts.add("listed", len(batch))
            old = [file for file in batch if file.changed < latest]
            known = self._known([file.file_id for file in old if file.file_id is not None])
            for file in old:
                yield from self._of_file(file, known)

    def _of_file(self, file: StoredFile, known: frozenset[int]) -> Iterator[Finding]:
        if file.file_id is None:
            yield _dark(file, "the archive gives no file such a name", WHOSE)
        elif self.own and file.unfinished:
            if not self.own.is_being_written(file.file_id):
                yield _dark(file, "a process died while it wrote it", DELETE, ours=True)
                self._delete(file.file_id, self.own.delete_unfinished)
        elif file.file_id not in known:
            what = "neither a job nor the catalogue knows it"
            yield _dark(file, what, DELETE if self.own else WHOSE, ours=self.own is not None)
            # Asked anew, right before.
            if self.own and not self._known([file.file_id]):
                self._delete(file.file_id, self.own.delete)

    def _delete(self, file_id: int, delete: Callable[[int], None]) -> None:
        if self.delete:
            delete(file_id)
            logger.warning("deleted from the archive: what it held as file %s", file_id)
            self.counts.add("deleted")

    def _known(self, file_ids: Sequence[int]) -> frozenset[int]:
        """Give those of up to a batch of ids that our ledger or the catalogue knows."""
        with transaction(self.engine) as session:
            ours = frozenset(session.scalars(select(File.file_id).where(File.file_id.in_(file_ids))))
        others = [file_id for file_id in file_ids if file_id not in ours]
        return frozenset(file_id for file_id in ours if file_id is not None) | (
            self.metadata.holds_files(others) if others else frozenset()
        )


def _dark(file: StoredFile, what: str, remedy: str, *, ours: bool = False) -> Finding:
    return Finding(Problem.DARK, what, remedy, file_id=file.file_id, path=str(file.path), ours=ours)
