"""### Load metadata

Parses `metadata.txt` (for moves: the posted document), compares it with the members of the bundle, and assigns an id to
each file. The result shows the number of files and bytes, the project and the instrument.

**Fails here**: `metadata.txt` is missing or not valid JSON; an entry is incomplete; a member is not listed; a listed file is
missing or has another size. (With `unlisted_members = skip` a member that is not listed is left out instead: an event names
it, and the result shows how many were skipped.) The error lists all faults. The uploader fixes them and sends a new bundle.

**An admin** fixes UniqueID when this task waits for it, and clears the task when all tries were used up.
"""

from ingest.archiving.file_ids import assign_missing_ids
from ingest.archiving.unlisted_members import skip_unlisted
from ingest.bundles.bundle_metadata import MetadataReader, annotated_paths
from ingest.context import StageContext, Summary
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidMetadata
from ingest.ledger.events import EventKind
from ingest.ledger.file_comparison import check_annotated, compare_members, compare_sources, find_ambiguous_paths
from ingest.ledger.file_records import forget_declarations, record_declarations
from ingest.ledger.files import batches, totals
from ingest.settings.fields import SKIP
from ingest.states.stages import Kind
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import to_one_line

MAX_NAME_CHARACTERS = 200
# Faults that may disappear when each `subdir` is interpreted in the other way.
SUBDIR_FAULTS = frozenset(
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
    """Record the declared files and assign their ids; return a short summary for people.

    Raises InvalidMetadata with all faults, ServiceUnavailable when UniqueID is unavailable.
    """
    reader = _read(context)
    may_differ = reader.faults and reader.faults.kinds <= SUBDIR_FAULTS
    if may_differ and context.lease.job.record.kind is Kind.INGEST:
        # The stock client writes `subdir` relative to `data/`, and a folder in it may be called `data` too.
        other = _read(context, below_data=True)
        reader = reader if other.faults else other
    reader.faults.raise_as(InvalidMetadata)
    if left_out := str(reader.left_out):
        context.lease.event(EventKind.ENTRIES_LEFT_OUT, f"entries for these tables are not passed on: {left_out}")
    skipped = skip_unlisted(context.lease)
    assign_missing_ids(context)
    files, size = totals(context.lease)
    return {
        "files": files,
        "bytes": size,
        **({"skipped": skipped} if skipped else {}),
        **_project_and_instrument(reader),
    }


def _read(context: StageContext, *, below_data: bool = False) -> MetadataReader:
    """Record the declared files, with `subdir` interpreted in one of two ways; return the reader with its faults."""
    lease = context.lease
    forget_declarations(lease)
    failpoint("load_metadata.forgotten", lease.job_id)
    with context.open_metadata() as document:
        reader = MetadataReader(document, lease.job.record.kind, lease.job_id, below_data=below_data)  # type: ignore[arg-type]
        for number, batch in enumerate(batches(reader.files())):
            lease.report_progress(number, number + 1)
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
    """Find keys and values of unlisted files; the document is read again, because all files must be known before."""
    if reader.has_file_values and reader.faults.kinds <= SUBDIR_FAULTS:
        with context.open_metadata() as document:
            check_annotated(context.lease, annotated_paths(document), reader.faults)  # type: ignore[arg-type]


def _project_and_instrument(reader: MetadataReader) -> Summary:
    return {
        name: to_one_line(str(reader.transaction.get(name, "")))[:MAX_NAME_CHARACTERS]
        for name in ("project", "instrument")
    }
