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
from ingest.context import StageContext
from ingest.errors.fault_codes import Fault
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
from ingest.states import Kind
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import one_line

Summary = dict[str, str | int]
LONGEST_NAME = 200
# What may be right when each `subdir` is read in the other way.
FAULTS_OF_A_READING = frozenset(
    {
        Fault.PATH_OUTSIDE_DATA,
        Fault.PATH_TOO_LONG,
        Fault.FILE_LISTED_TWICE,
        Fault.FILE_LACKING,
        Fault.MEMBER_UNLISTED,
        Fault.MEMBER_OF_MACOS,
        Fault.SIZE_DIFFERS,
        Fault.PATH_UNLISTED,
    }
)


def load_metadata(context: StageContext) -> Summary:
    """Record the declared files and give them ids; gives a small summary for people.

    Raises InvalidMetadata with all that is wrong, ServiceUnavailable when UniqueID is away.
    """
    reader = _read(context)
    may_differ = reader.faults and reader.faults.kinds <= FAULTS_OF_A_READING
    if may_differ and context.ledger.job.record.kind is Kind.INGEST:
        # The stock client writes folders below `data/`, one of which may be called `data` itself.
        other = _read(context, below_data=True)
        reader = reader if other.faults else other
    reader.faults.raise_as(InvalidMetadata)
    if left_out := str(reader.left_out):
        context.ledger.event("entries_left_out", f"entries for these tables are not passed on: {left_out}")
    skipped = skip_unlisted(context.ledger)
    give_ids(context)
    files, size = totals(context.ledger)
    return {"files": files, "bytes": size, **({"skipped": skipped} if skipped else {}), **_for_people(reader)}


def _read(context: StageContext, *, below_data: bool = False) -> MetadataReader:
    """Record the declared files, with each `subdir` read in one of two ways; gives what was read, and its faults."""
    ledger = context.ledger
    forget_declarations(ledger)
    failpoint("load_metadata.forgotten", ledger.job_id)
    with context.open_metadata() as document:
        reader = MetadataReader(document, ledger.job.record.kind, ledger.job_id, below_data=below_data)  # type: ignore[arg-type]
        for number, batch in enumerate(batches(reader.files())):
            ledger.report(number, number + 1)
            record_declarations(ledger, batch, reader.faults)
            failpoint("load_metadata.recorded", ledger.job_id)
    if ledger.job.record.kind is Kind.INGEST:
        may_be_unlisted = context.settings.unlisted_members == SKIP
        compare_members(ledger, reader.faults, may_be_unlisted=may_be_unlisted)
    else:
        compare_sources(ledger, reader.faults)
        if context.settings.refuse_ambiguous_names:
            find_ambiguous_paths(ledger, reader.faults)
    _check_file_values(context, reader)
    return reader


def _check_file_values(context: StageContext, reader: MetadataReader) -> None:
    """Find keys and values of files that are not listed, once all files are; the document is read again for that."""
    if reader.has_file_values and reader.faults.kinds <= FAULTS_OF_A_READING:
        with context.open_metadata() as document:
            check_annotated(context.ledger, annotated_paths(document), reader.faults)  # type: ignore[arg-type]


def _for_people(reader: MetadataReader) -> Summary:
    return {name: one_line(str(reader.transaction.get(name, "")))[:LONGEST_NAME] for name in ("project", "instrument")}
