"""Compare ledger, archive, catalog and the sources of moves with the uploads, at the end of a soak.

Called after the last fault, when every job had time to end. Writes violations to the journal.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.ledger import jobs
from ingest.ledger.models import File, Job
from ingest.services import Archive
from tools.soak.holdings import Holdings
from tools.soak.job_faults import Place, faults_of, faults_of_sources
from tools.soak.journal import Journal
from tools.soak.uploads import Mistake, number_of, upload


@dataclass
class Comparison:
    """One comparison; `home` is the stack's folder."""

    seed: int
    home: Path
    engine: Engine
    archive: Archive
    holdings: Holdings
    journal: Journal

    def compare(self) -> None:
        """Compare everything."""
        job_ids = self._job_ids()
        for job_id in self.journal.answered.keys() - set(job_ids):
            self.journal.violate(job_id, "was answered, and the ledger has no such job")
        numbers = self._numbers(job_ids)
        cataloged: dict[int, int] = {}
        for job_id, number in numbers.items():
            self._compare_job(job_id, number, cataloged)
        self._compare_sources(numbers)
        self._compare_archive(cataloged)
        self._compare_catalog(job_ids)

    def _numbers(self, job_ids: list[int]) -> dict[int, int]:
        """Return the upload of each job of the ledger; an upload without an answer is one complete job or none."""
        numbers: dict[int, int] = {}
        taken: set[int | None] = set()
        unreadable = [each for each in sorted(self.journal.unanswered) if self._is_no_tar(each)]
        for job_id in job_ids:
            number = self._number(job_id, unreadable)
            if number is None or number in self.journal.cut:
                self.journal.violate(job_id, f"is no upload's, or that of one that was cut ({number})")
            elif number in taken:
                self.journal.violate(job_id, f"upload {number} has another job already")
            else:
                numbers[job_id] = number
            taken.add(number)
        return numbers

    def _number(self, job_id: int, unreadable: list[int]) -> int | None:
        answered = self.journal.answered.get(job_id)
        if answered is not None:
            return answered.number
        path = self._path(job_id)
        if path is not None:
            return number_of(path)
        # A body that is no tar has no files, and is like any other of its kind.
        return unreadable.pop() if unreadable else None

    def _is_no_tar(self, number: int) -> bool:
        return upload(self.seed, number).mistake is Mistake.NO_TAR

    def _compare_job(self, job_id: int, number: int, cataloged: dict[int, int]) -> None:
        """Compare one job, and remember which files are cataloged for it."""
        found = self.holdings.cataloged(job_id)
        for entry in (found or {}).values():
            owner = cataloged.setdefault(int(entry["_id"]), job_id)
            if owner != job_id:
                self.journal.violate(job_id, f"file {entry['_id']} is catalogued for job {owner} too")
        record = jobs.read(self.engine, job_id).record
        cancellation = self.journal.cancellation_of(job_id)
        for fault in faults_of(record, upload(self.seed, number), cancellation, found, self._place):
            self.journal.violate(job_id, fault)

    def _compare_sources(self, numbers: dict[int, int]) -> None:
        """Compare the sources of moves that are no job."""
        for number in (self.journal.unanswered | self.journal.cut) - set(numbers.values()):
            for fault in faults_of_sources(upload(self.seed, number), self._place):
                self.journal.violate(None, f"upload {number}: {fault}")

    def _compare_archive(self, cataloged: dict[int, int]) -> None:
        for name, file_id in self.holdings.stored().items():
            if file_id not in cataloged:
                self.journal.violate(self._owner(file_id), f"{name} lies in the archive and is not catalogued")

    def _compare_catalog(self, job_ids: list[int]) -> None:
        """Check that ids without a job, between the lowest and the highest, are not cataloged."""
        lowest, highest = min(job_ids, default=0), max(job_ids, default=-1)
        for burnt in sorted(set(range(lowest, highest + 1)) - set(job_ids)):
            if self.holdings.cataloged(burnt) is not None:
                self.journal.violate(burnt, "is catalogued, and the ledger has no such job")

    @property
    def _place(self) -> Place:
        return Place(self.home, self.archive)

    def _job_ids(self) -> list[int]:
        with Session(self.engine) as session:
            return list(session.scalars(select(Job.id).order_by(Job.id)))

    def _path(self, job_id: int) -> str | None:
        """Return the path of one file of a job, None when it has none."""
        with Session(self.engine) as session:
            return session.scalar(select(File.path).where(File.job_id == job_id).limit(1))

    def _owner(self, file_id: int | None) -> int | None:
        with Session(self.engine) as session:
            return session.scalar(select(File.job_id).where(File.file_id == file_id))
