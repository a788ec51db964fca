"""The limits of one user on the resources that all users share: upload slots, space in the spool, jobs.

Used by `api.receiving.upload_slots`, by `ingest.ledger.uploads` (space and number of jobs) and by
`ingest.orchestrator.start_jobs` (running jobs).
"""

import math
from dataclasses import dataclass

from ingest.settings.access import NONE, OPEN
from ingest.settings.loading import Settings


@dataclass(frozen=True)
class UserShare:
    """Limits of one user: fractions of the resources that other users leave, and numbers of jobs (None: no limit)."""

    uploads: float = 1.0
    space: float = 1.0
    jobs: int | None = None
    running_jobs: int | None = None


NO_LIMITS = UserShare()


def share_of(settings: Settings, user: str) -> UserShare:
    """Return a user's limits; none for the default user without authentication, because all callers are that user."""
    if settings.authentication in (NONE, OPEN) and user == settings.default_user:
        return NO_LIMITS
    return UserShare(
        settings.user_upload_share, settings.user_space_share, settings.user_jobs, settings.user_running_jobs
    )


def fraction_of(total: int, fraction: float) -> int:
    """Return a fraction of a total, rounded up, so that the smallest share is not zero."""
    return total if fraction >= 1 else math.ceil(total * fraction)
