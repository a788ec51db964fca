"""Members of a bundle that its metadata does not list: left out of the job where `unlisted_members = skip` says so.

Called by the stage `load_metadata`, once it is clear that the bundle has no faults. A skipped member keeps its row, so that
the stage may run again, but no other stage reads it.
"""

from ingest.ledger.events import EventKind
from ingest.ledger.file_states import skip_members
from ingest.ledger.files import batches, unlisted_members
from ingest.ledger.lease import JobLease
from ingest.system.sanitize import quote_name

REJECT, SKIP = "reject", "skip"
# Enough to recognize the members, and short however many there are.
NAMED = 20


def skip_unlisted(lease: JobLease) -> int:
    """Leave out every unlisted member; record their count and, in one event, the first names. Return the count."""
    named: list[str] = []
    count = 0
    for batch in batches(unlisted_members(lease)):
        skip_members(lease, [member.id for member in batch])
        named += [quote_name(member.path) for member in batch[: NAMED - len(named)]]
        count += len(batch)
        lease.report_progress(count, count + 1)
    if count:
        more = f", and {count - len(named)} more" if count > len(named) else ""
        text = (
            f"{count} of the bundle's files are not listed in the metadata and were left out: {', '.join(named)}{more}"
        )
        lease.event(EventKind.MEMBERS_SKIPPED, text, skipped_members=count)
    return count
