"""When a resumable upload expires: some time after its last byte, and sooner if none has arrived.

Called by `ingest.ledger.upload_progress`, `ingest.ledger.expired_uploads` and the answers of the API.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, func, or_

from ingest.ledger.models import ResumableUpload

# Nothing is lost when an upload without a byte expires: its client creates another one. Often no client knows it, because
# the answer to its creation was lost, and it reserves its space in vain. A day lets a client continue that slept overnight.
UNSTARTED = timedelta(days=1)


def expiry(updated: datetime, offset: int, keep: timedelta) -> datetime:
    """Return when an upload expires that is kept for `keep` after its last byte."""
    return updated + (keep if offset else unstarted(keep))


def unstarted(keep: timedelta) -> timedelta:
    """Return how long an upload without a byte is kept."""
    return min(keep, UNSTARTED)


def has_expired(keep: timedelta | BindParameter[Any]) -> ColumnElement[bool]:
    """Return the condition of a row that has expired, by the clock of the database; the same rule as `expiry`."""
    row = ResumableUpload
    is_unstarted = and_(row.position == 0, row.updated < func.now() - func.least(keep, UNSTARTED))
    return or_(row.updated < func.now() - keep, is_unstarted)
