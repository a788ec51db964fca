"""The working context of a stage.

Created by the wrapper of the stages (`run_stage`), which passes it to every stage, and by the operations that change the
files of a job.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import bindparam, select

from ingest.bundles.bundle import Section, open_section
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import BundleRemoved, InvalidMetadata, SpoolUnavailable
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.lease import JobLease
from ingest.ledger.models import REMOVED, Job
from ingest.services import Services
from ingest.settings.loading import Settings
from ingest.states.stages import Kind

# The result of a stage, for people: Airflow shows it as the result of the task (XCom).
Summary = dict[str, str | int]
METADATA_SECTION = CompiledStatement(
    select(Job.metadata_offset, Job.metadata_size).where(Job.id == bindparam("job_id"))
)


@dataclass(frozen=True)
class StageContext:
    """One try of one stage: the settings, the lease of the job, and the services."""

    settings: Settings
    lease: JobLease
    services: Services

    @property
    def spool_path(self) -> Path:
        """The path of the bundle or the move document, which may have been removed."""
        return self.settings.volume_path / self.lease.job.received.spool_name

    @property
    def received_path(self) -> Path:
        """The path of the bundle or the move document; raises BundleRemoved, or SpoolUnavailable if it is missing.

        A missing file is never the uploader's fault: it was in the spool when the upload was confirmed.
        """
        if self.lease.job.received.spool_name == REMOVED:
            raise BundleRemoved(
                "the bundle was removed, because the job failed long ago; send a fixed one as a new job"
            )
        if not self.spool_path.is_file():
            raise SpoolUnavailable(f"{self.spool_path} does not exist; check that the volume of the spool is mounted")
        return self.spool_path

    def open_metadata(self) -> AbstractContextManager[Section]:
        """Open the metadata document; raises InvalidMetadata when the bundle has none, SpoolUnavailable."""
        received = self.lease.job.received
        if received.kind is Kind.MOVE:
            return open_section(self.received_path, 0, received.size)
        offset, size = self._metadata_section()
        return open_section(self.received_path, offset, size)

    def _metadata_section(self) -> tuple[int, int]:
        with self.lease.transaction() as session:
            offset, size = METADATA_SECTION.execute(session, job_id=self.lease.job_id).one()
        if offset is None or size is None:
            raise InvalidMetadata("the bundle has no metadata.txt", FaultCode.METADATA_MISSING)
        return offset, size
