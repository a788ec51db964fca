"""Read when jobs ended, from their events: `Job.updated` also changes when retention removes a bundle much later.

Called by the pages of jobs, and by `ingest.operations.retention`.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Engine, func, select

from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.models import Event, Job

# The last of these events ended a job that does not continue by itself.
FAILURES = (EventKind.STAGE_FAILED, EventKind.OVERRIDE, EventKind.CANCELED)
ENDS = (*FAILURES, EventKind.CATALOGED)
# When the job of an outer query failed; NULL if it never did.
FAILED_AT = select(func.max(Event.at)).where(Event.job_id == Job.id, Event.kind.in_(FAILURES)).scalar_subquery()


def read_ends(engine: Engine, job_ids: Collection[int]) -> Mapping[int, datetime]:
    """Return when each of these jobs last ended; those that never did are left out. Raises DatabaseUnavailable."""
    if not job_ids:
        return {}
    query = select(Event.job_id, func.max(Event.at).label("ended"))
    query = query.where(Event.job_id.in_(job_ids), Event.kind.in_(ENDS))
    with transaction(engine) as session:
        return {row.job_id: row.ended for row in session.execute(query.group_by(Event.job_id))}
