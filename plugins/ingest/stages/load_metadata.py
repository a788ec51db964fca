"""### Load metadata

Parses `metadata.txt` (for moves: the posted document), compares it with the members of the bundle, and assigns an id to
each file. The result shows the number of files and bytes, the project and the instrument.

**Fails here**: `metadata.txt` is missing or not valid JSON; an entry is incomplete; a member is not listed; a listed file is
missing or has another size. (With `unlisted_members = skip` a member that is not listed is left out instead: an event names
it, and the result shows how many were skipped.) The error lists all faults. The uploader fixes them and sends a new bundle.

**An admin** fixes UniqueID when this task waits for it.
"""

from ingest.archiving.declarations import compare_moves, read_declarations
from ingest.archiving.file_ids import assign_missing_ids
from ingest.archiving.unlisted_members import skip_unlisted
from ingest.bundles.bundle_metadata import MetadataReader
from ingest.context import StageContext, Summary
from ingest.errors.types import InvalidMetadata
from ingest.ledger.events import EventKind
from ingest.ledger.file_comparison import compare_members
from ingest.ledger.files import totals
from ingest.settings.fields import SKIP
from ingest.states.stages import Kind
from ingest.system.sanitize import to_one_line

MAX_NAME_CHARACTERS = 200


def load_metadata(context: StageContext) -> Summary:
    """Record the declared files and assign their ids; return a short summary for people.

    Raises InvalidMetadata with all faults, ServiceUnavailable when UniqueID is unavailable.
    """
    reader = read_declarations(context, lambda reader: _compare(context, reader))
    names = _project_and_instrument(reader)
    context.lease.update_job(**{name: value or None for name, value in names.items()})
    reader.faults.raise_as(InvalidMetadata)
    if left_out := str(reader.left_out):
        context.lease.event(EventKind.ENTRIES_LEFT_OUT, f"entries for these tables are not passed on: {left_out}")
    skipped = skip_unlisted(context.lease)
    assign_missing_ids(context)
    files, size = totals(context.lease)
    context.lease.update_job(files=files, bytes=size)
    return {
        "files": files,
        "bytes": size,
        **({"skipped": skipped} if skipped else {}),
        **names,
    }


def _compare(context: StageContext, reader: MetadataReader) -> None:
    if context.lease.job.record.kind is Kind.INGEST:
        may_be_unlisted = context.settings.unlisted_members == SKIP
        compare_members(context.lease, reader.faults, may_be_unlisted=may_be_unlisted)
    else:
        compare_moves(context, reader.faults)


def _project_and_instrument(reader: MetadataReader) -> Summary:
    return {
        name: to_one_line(str(reader.transaction.get(name, "")))[:MAX_NAME_CHARACTERS]
        for name in ("project", "instrument")
    }
