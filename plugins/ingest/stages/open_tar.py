"""### Open tar

Reads every header of the bundle's tar, and records in the ledger where each member begins.

**Fails here**: a bundle that is not an uncompressed tar, is cut short, or contains links, devices, names outside `data/`, or
the same name twice (also if only the case differs). The uploader fixes the bundle and sends it as a new job.

**An admin** has nothing to do, unless the disk of the spool could not be read: then fix the disk and clear this task.
"""

from collections.abc import Iterator

from ingest.bundles.bundle import Member, members
from ingest.context import StageContext
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidBundle
from ingest.ledger.file_comparison import ALIKE_MEMBERS, find_ambiguous_paths
from ingest.ledger.file_records import forget_members, record_members
from ingest.ledger.files import batches
from ingest.system.failpoints import failpoint


def open_tar(context: StageContext) -> None:
    """Record the members of the bundle; raises InvalidBundle with all faults, SpoolUnavailable."""
    faults = FaultList()
    forget_members(context.lease)
    failpoint("open_tar.forgotten", context.lease.job_id)
    for batch in batches(_data_members(context, faults)):
        record_members(context.lease, batch, faults)
        failpoint("open_tar.recorded", context.lease.job_id)
    if context.settings.refuse_ambiguous_names:
        find_ambiguous_paths(context.lease, ALIKE_MEMBERS, faults)
    faults.raise_as(InvalidBundle)


def _data_members(context: StageContext, faults: FaultList) -> Iterator[Member]:
    """Yield the members below `data/`; record the position of the metadata in the job's row."""
    metadata: Member | None = None
    for member in members(context.received_path, faults):
        context.lease.report_progress(member.offset, context.lease.job.received.size)
        if member.path is not None:
            yield member
        elif metadata is None:
            metadata = member
        else:
            faults.add(FaultCode.METADATA_TWICE, "metadata.txt is in the bundle twice")
    offset, size = (metadata.offset, metadata.size) if metadata else (None, None)
    context.lease.update_job(metadata_offset=offset, metadata_size=size)
