"""### Load metadata

Parses `metadata.txt` (of a move: the posted document), compares it with the bundle's members, and gives each file its
id. The result shows files, bytes, project and instrument.

**Fails here**: no `metadata.txt`; no valid JSON; entries that lack what they need; a member that is not listed, a listed
file that the bundle lacks, or one of another size. (With `unlisted_members = skip` a member that is not listed is left out
instead; an event names it, and the result shows how many.) All faults are listed; the uploader fixes them and sends a new
bundle.

**An admin** looks after UniqueID when this task waits for it, and clears the task when all tries were used up.
"""

from ingest.archiving.file_ids import give_ids
from ingest.archiving.unlisted_members import SKIP, skip_unlisted
from ingest.bundles.bundle_metadata import MetadataReader, annotated_paths
from ingest.context import StageContext, Summary
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidMetadata
from ingest.ledger.files import (
    batches,
    check_annotated,
    compare_members,
    compare_sources,
    find_ambiguous_paths,
    forget_declarations,
    record_declarations,
    totals,
)
from ingest.states.stages import Kind
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import to_one_line

LONGEST_NAME = 200
# What may be right when each `subdir` is read in the other way.
FAULTS_OF_A_READING = frozenset(
    {
        FaultCode.PATH_OUTSIDE_DATA,
        FaultCode.PATH_TOO_LONG,
        FaultCode.FILE_LISTED_TWICE,
        FaultCode.FILE_LACKING,
        FaultCode.MEMBER_UNLISTED,
        FaultCode.MEMBER_OF_MACOS,
        FaultCode.SIZE_DIFFERS,
        FaultCode.PATH_UNLISTED,
    }
)


def load_metadata(context: StageContext) -> Summary:
    """Record the declared files and give them ids; gives a small summary for people.

    Raises InvalidMetadata with all that is wrong, ServiceUnavailable when UniqueID is away.
    """
    reader = _read(context)
    may_differ = reader.faults and reader.faults.kinds <= FAULTS_OF_A_READING
    if may_differ and context.lease.job.record.kind is Kind.INGEST:
        # The stock client writes folders below `data/`, one of which may be called `data` itself.
        other = _read(context, below_data=True)
        reader = reader if other.faults else other
    reader.faults.raise_as(InvalidMetadata)
    if left_out := str(reader.left_out):
        context.lease.event("entries_left_out", f"entries for these tables are not passed on: {left_out}")
    skipped = skip_unlisted(context.lease)
    give_ids(context)
    files, size = totals(context.lease)
    return {"files": files, "bytes": size, **({"skipped": skipped} if skipped else {}), **_for_people(reader)}


def _read(context: StageContext, *, below_data: bool = False) -> MetadataReader:
    """Record the declared files, with each `subdir` read in one of two ways; gives what was read, and its faults."""
    lease = context.lease
    forget_declarations(lease)
    failpoint("load_metadata.forgotten", lease.job_id)
    with context.open_metadata() as document:
        reader = MetadataReader(document, lease.job.record.kind, lease.job_id, below_data=below_data)  # type: ignore[arg-type]
        for number, batch in enumerate(batches(reader.files())):
            lease.report(number, number + 1)
            record_declarations(lease, batch, reader.faults)
            failpoint("load_metadata.recorded", lease.job_id)
    if lease.job.record.kind is Kind.INGEST:
        may_be_unlisted = context.settings.unlisted_members == SKIP
        compare_members(lease, reader.faults, may_be_unlisted=may_be_unlisted)
    else:
        compare_sources(lease, reader.faults)
        if context.settings.refuse_ambiguous_names:
            find_ambiguous_paths(lease, reader.faults)
    _check_file_values(context, reader)
    return reader


def _check_file_values(context: StageContext, reader: MetadataReader) -> None:
    """Find keys and values of files that are not listed, once all files are; the document is read again for that."""
    if reader.has_file_values and reader.faults.kinds <= FAULTS_OF_A_READING:
        with context.open_metadata() as document:
            check_annotated(context.lease, annotated_paths(document), reader.faults)  # type: ignore[arg-type]


def _for_people(reader: MetadataReader) -> Summary:
    return {
        name: to_one_line(str(reader.transaction.get(name, "")))[:LONGEST_NAME] for name in ("project", "instrument")
    }
