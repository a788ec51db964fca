"""Which role may make which call.

Read by `api.access.auth` before each request, and by `api.routes.state` about jobs of others.

| | uploads | sees |
|---|---|---|
| uploader | yes | own jobs; another's is as unknown to it as one that never was |
| operator | no | all jobs |
| admin | yes | all jobs |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ingest.settings.access import NONE, OPEN
from ingest.settings.loading import Settings


class Role(StrEnum):
    """What a user is to the service."""

    UPLOADER = "uploader"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True)
class Caller:
    """Who makes a request, and what they are to the service.

    `submitter` is the submitter's id that their token holds, where the settings need one.
    """

    user: str
    role: Role
    submitter: str | None = None

    def may_see(self, owner: str | None) -> bool:
        """Whether they see the jobs of a user; of None: jobs of which nobody knows whose they are."""
        return self.role is not Role.UPLOADER or owner == self.user


ALL = frozenset(Role)
UPLOADING = frozenset({Role.UPLOADER, Role.ADMIN})

# By endpoint, which is the name of a blueprint and of its function. What stands in neither of the two is for nobody.
PUBLIC = frozenset(
    {
        "health.get_root",
        "health.get_health",
        "health.get_readiness",
        "docs.get_page",
        "docs.get_document",
        "docs.static",
    }
)
CALLS: Mapping[str, frozenset[Role]] = {
    "receive.ingest": UPLOADING,
    "receive.upload": UPLOADING,
    "receive.receive_move": UPLOADING,
    "state.get_state": ALL,
    "state.get_state_of": ALL,
}


def role_of(settings: Settings, user: str) -> Role:
    """Give what a user is; where nobody proves who they are, roles would mean nothing, and all may do all."""
    if settings.authentication in (NONE, OPEN) or user in settings.admins:
        return Role.ADMIN
    return Role.OPERATOR if user in settings.operators else Role.UPLOADER
