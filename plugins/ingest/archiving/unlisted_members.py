"""Exclude members from the job that its metadata does not list, where `unlisted_members = skip` allows it.

Called by the stage `load_metadata`, once the bundle is known to have no faults. A skipped member keeps its row, so that the
stage can run again, but no other stage reads it.
"""

from ingest.ledger.events import EventKind
from ingest.ledger.file_states import skip_members
from ingest.ledger.files import batches, unlisted_members
from ingest.ledger.lease import JobLease
from ingest.system.sanitize import quote_name

# Enough names to recognize the members by, in a text of limited length.
MAX_NAMED = 20


def skip_unlisted(lease: JobLease) -> int:
    """Skip every unlisted member; record their number, and the first names in one event. Return the number."""
    named: list[str] = []
    count = 0
    for batch in batches(unlisted_members(lease)):
        skip_members(lease, [member.id for member in batch])
        named += [quote_name(member.path) for member in batch[: MAX_NAMED - len(named)]]
        count += len(batch)
        lease.report_progress(count, count + 1)
    if count:
        more = f", and {count - len(named)} more" if count > len(named) else ""
        text = (
            f"{count} of the bundle's files are not listed in the metadata and were left out: {', '.join(named)}{more}"
        )
        lease.event(EventKind.MEMBERS_SKIPPED, text, skipped_members=count)
    return count
