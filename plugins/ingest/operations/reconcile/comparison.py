"""The whole comparison: each job in turn, then the archive's folder if it can be read.

Called by `pacifica-ingest-cmd reconcile` and, through `weekly`, by the DAG `reconcile`. Jobs and files are read in batches
and in short transactions, so memory does not grow with their number.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from ingest.errors.types import ConfigurationError, FenceLost, JobBusy
from ingest.operations.reconcile.deletion import delete_dark
from ingest.operations.reconcile.findings import Counts, Finding
from ingest.operations.reconcile.folder_comparison import FolderComparison
from ingest.operations.reconcile.idle_jobs import ComparedJob, all_jobs, one_job
from ingest.operations.reconcile.job_comparison import JobComparison
from ingest.services import Services
from ingest.services.archive_folder import FolderArchive
from ingest.services.archive_listing import posix_listing
from ingest.settings.loading import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extent:
    """The extent of a comparison, and whether it deletes dark files.

    - `job_id`: compare this job only, without the archive's folder.
    - `hash_percent`: the percentage of files that are read and hashed.
    - `archive_folder`: the folder of ArchiveInterface's posix storage.
    """

    job_id: int | None = None
    hash_percent: float = 1.0
    archive_folder: Path | None = None
    delete_dark: bool = False


@dataclass(frozen=True)
class Comparison:
    """One comparison of ledger, archive and catalog."""

    settings: Settings
    engine: Engine
    services: Services
    extent: Extent
    counts: Counts

    def findings(self) -> Iterator[Finding]:
        """Yield all differences, and count them.

        Raises UnknownJob, ConfigurationError, ServiceUnavailable, DatabaseUnavailable. May be repeated, and be killed at
        any time.
        """
        self._check_folder()
        for finding in self._findings():
            self.counts.add_finding(finding)
            yield finding

    def _findings(self) -> Iterator[Finding]:
        job_id = self.extent.job_id
        for compared in all_jobs(self.engine) if job_id is None else one_job(self.engine, job_id):
            yield from self._compare_job(compared)
        if job_id is None:
            yield from self._compare_folder()

    def _compare_job(self, compared: ComparedJob) -> Iterator[Finding]:
        is_deletable = False
        for finding in JobComparison(self.services, self.counts, self.extent.hash_percent).compare(compared):
            is_deletable |= finding.ours
            yield finding
        if is_deletable and self.extent.delete_dark:
            try:
                self.counts.add("deleted", delete_dark(self.settings, self.services, compared))
            except (FenceLost, JobBusy) as error:
                logger.warning("job %s: no file is deleted: %s", compared.job_id, error)

    def _compare_folder(self) -> Iterator[Finding]:
        archive, folder = self.services.archive, self.extent.archive_folder
        built_in = archive if isinstance(archive, FolderArchive) else None
        comparison = FolderComparison(
            self.engine, self.services.metadata, self.counts, built_in, delete=self.extent.delete_dark
        )
        if built_in:
            yield from comparison.compare(built_in.listing())
        elif folder:
            yield from comparison.compare(posix_listing(folder))

    def _check_folder(self) -> None:
        folder = self.extent.archive_folder
        if folder is None:
            return
        if isinstance(self.services.archive, FolderArchive):
            raise ConfigurationError(
                "--archive-folder is for ArchiveInterface only; the built-in archive has its folder from the settings"
            )
        if not folder.is_dir():
            raise ConfigurationError(f"--archive-folder {folder} is not a folder")
