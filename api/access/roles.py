"""Roles, and who may make a call. Each route declares its `Access` (`api.routes.registration`).

Read by `api.access.auth` before each request, and by `api.routes.state` and `job_actions` for jobs of other users.

| | uploads | sees | cancels | retries |
|---|---|---|---|---|
| uploader | yes | own jobs; other users' jobs answer 404, as jobs that do not exist | own jobs | no |
| operator | no | all jobs | no | no |
| admin | yes | all jobs | all jobs | all jobs |
"""

from dataclasses import dataclass
from enum import StrEnum

from ingest.settings.access import NONE, OPEN
from ingest.settings.loading import Settings


class Role(StrEnum):
    """The role of a user in the service."""

    UPLOADER = "uploader"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True)
class Caller:
    """The user who makes a request, and their role.

    `submitter` is the submitter's id in the user's token, where the settings require one.
    """

    user: str
    role: Role
    submitter: str | None = None

    def may_see(self, owner: str | None) -> bool:
        """Return whether the caller sees the jobs of a user; None means an unknown owner."""
        return self.role is not Role.UPLOADER or owner == self.user


@dataclass(frozen=True)
class Access:
    """Who may make a call: callers with one of these roles, or everyone for a public call.

    With `any_host`, the call is answered under any `Host` name. With `by_scrape_token`, the token for metrics is accepted
    instead of a user.
    """

    roles: frozenset[Role] = frozenset()
    is_public: bool = False
    any_host: bool = False
    by_scrape_token: bool = False


NOBODY = Access()
PUBLIC = Access(is_public=True)
# Load balancers and supervisors call these by address; the answers hold no data of users.
PROBES = Access(is_public=True, any_host=True)
UPLOADERS = Access(frozenset({Role.UPLOADER, Role.ADMIN}))
# Prometheus calls each host by its address; the answer holds sums only.
SCRAPERS = Access(frozenset({Role.OPERATOR, Role.ADMIN}), any_host=True, by_scrape_token=True)
ADMINS = Access(frozenset({Role.ADMIN}))
ALL_ROLES = Access(frozenset(Role))


def role_of(settings: Settings, user: str) -> Role:
    """Return the role of a user. Without authentication roles would mean nothing: every caller is an admin."""
    if settings.authentication in (NONE, OPEN) or user in settings.admins:
        return Role.ADMIN
    return Role.OPERATOR if user in settings.operators else Role.UPLOADER
