"""What one user may take of what all users share: upload slots, space in the spool, jobs.

Used by `api.upload_slots`, by `ingest.uploads` (space and number of jobs) and by `ingest.starting` (running jobs).
"""

import math
from dataclasses import dataclass

from ingest.configuration.access_settings import NONE, OPEN
from ingest.errors import TransientError
from ingest.settings import Settings


class UserLimit(TransientError):
    """One user has as much as a single user may have; other users are still served."""

    retry_seconds = 60


class UserUploadsLimit(UserLimit):
    """The user has as many uploads under way as one user may have."""

    code = "user_uploads_limit"
    retry_seconds = 10


class UserSpaceLimit(UserLimit):
    """The user's uploads and bundles take as much of the spool as those of one user may."""

    code = "user_space_limit"


class UserJobsLimit(UserLimit):
    """The user has as many unfinished jobs as one user may have."""

    code = "user_jobs_limit"


@dataclass(frozen=True)
class UserShare:
    """The limits of one user: fractions of what other users leave, and numbers of jobs (None: no limit)."""

    uploads: float = 1.0
    space: float = 1.0
    jobs: int | None = None
    running_jobs: int | None = None


WHOLE = UserShare()


def share_of(settings: Settings, user: str) -> UserShare:
    """Return a user's limits; none for the default user where callers need not name themselves: that user is everybody."""
    if settings.authentication in (NONE, OPEN) and user == settings.default_user:
        return WHOLE
    return UserShare(
        settings.user_upload_share, settings.user_space_share, settings.user_jobs, settings.user_running_jobs
    )


def part_of(total: int, fraction: float) -> int:
    """Return a fraction of a total, rounded up, so that the smallest share is not nothing."""
    return total if fraction >= 1 else math.ceil(total * fraction)
