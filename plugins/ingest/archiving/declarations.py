"""Record the files that the metadata declares, and find all faults of the document.

Called by the stage `load_metadata`, and by `ingest.operations.preflight` for a document without a bundle. So both find the
same faults in the same document.
"""

from collections.abc import Callable

from ingest.bundles.bundle_metadata import MetadataReader, annotated_paths
from ingest.context import StageContext
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.ledger.file_comparison import ALIKE_DECLARED, check_annotated, compare_sources, find_ambiguous_paths
from ingest.ledger.file_records import forget_declarations, record_declarations
from ingest.ledger.files import batches
from ingest.states.stages import Kind
from ingest.system.failpoints import failpoint

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

# Compares the recorded files with something else, and adds the differences to the reader's faults.
Compare = Callable[[MetadataReader], None]


def read_declarations(context: StageContext, compare: Compare) -> MetadataReader:
    """Record the declared files of a document; return the reader with its faults.

    `compare` is called after each of up to two readings. Raises InvalidMetadata with all faults so far where reading cannot
    continue.
    """
    reader = _read(context, compare)
    may_differ = reader.faults and reader.faults.kinds <= SUBDIR_FAULTS
    if may_differ and context.lease.job.record.kind is Kind.INGEST:
        # The stock client writes `subdir` relative to `data/`, and a folder in it may be called `data` too.
        other = _read(context, compare, below_data=True)
        reader = reader if other.faults else other
    return reader


def compare_moves(context: StageContext, faults: FaultList) -> None:
    """Find sources that are listed twice, and ambiguous paths, in the recorded files of a move."""
    compare_sources(context.lease, faults)
    if context.settings.refuse_ambiguous_names:
        find_ambiguous_paths(context.lease, ALIKE_DECLARED, faults)


def _read(context: StageContext, compare: Compare, *, below_data: bool = False) -> MetadataReader:
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
    compare(reader)
    _check_file_values(context, reader)
    return reader


def _check_file_values(context: StageContext, reader: MetadataReader) -> None:
    """Find keys and values of unlisted files; the document is read again, because all files must be known before."""
    if reader.has_file_values and reader.faults.kinds <= SUBDIR_FAULTS:
        with context.open_metadata() as document:
            check_annotated(context.lease, annotated_paths(document), reader.faults)  # type: ignore[arg-type]
