"""Checks whether a user may upload as the submitter that the metadata names.

Called by the stage `validate_policy`. The setting `submitter_check` names the source of an authenticated user's submitter
ids: a claim of the token, the metadata service's `network_id`, or a file. Policy does not compare user and submitter.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ingest.errors.types import SubmitterMismatch, SubmittersUnavailable
from ingest.services.metadata import Metadata
from ingest.settings.loading import Settings
from ingest.settings.submitters import CLAIM, NETWORK_ID, UNCHECKED
from ingest.system.sanitize import quote_name, root_cause

TABLE = "Transactions.submitter"
# The most ids that an error names.
MAX_NAMED = 10


@dataclass(frozen=True)
class Uploader:
    """The user who posted a job; `claim` is the submitter id of the token, None without one."""

    user: str
    claim: str | None


def check_submitters(settings: Settings, metadata: Metadata, uploader: Uploader, named: Collection[str]) -> None:
    """Compare the submitters that the metadata names with those that the uploader may use.

    Raises:
        SubmitterMismatch: One of them belongs to another user.
        SubmittersUnavailable: The file cannot be read.
        ServiceUnavailable: The metadata service does not answer.
    """
    if settings.submitter_check == UNCHECKED or uploader.user in settings.submit_for_others:
        return
    allowed = _ids_of(settings, metadata, uploader)
    foreign = sorted({*named} - allowed)
    if foreign:
        shown = ", ".join(quote_name(value) for value in foreign[:MAX_NAMED])
        raise SubmitterMismatch(f"{_rights(settings, uploader.user, allowed)}; the metadata names {TABLE} {shown}")


def _rights(settings: Settings, user: str, allowed: Collection[str]) -> str:
    if allowed:
        return f"user {quote_name(user)} may upload as submitter {' or '.join(sorted(allowed)[:MAX_NAMED])} only"
    return (
        f"user {quote_name(user)} has no submitter id (submitter_check is {settings.submitter_check}); contact an admin"
    )


def _ids_of(settings: Settings, metadata: Metadata, uploader: Uploader) -> frozenset[str]:
    if settings.submitter_check == CLAIM:
        return frozenset({uploader.claim} if uploader.claim else ())
    if settings.submitter_check == NETWORK_ID:
        return frozenset(map(str, metadata.user_ids(uploader.user)))
    assert settings.submitter_file is not None
    return _ids_in(settings.submitter_file, uploader.user)


def _ids_in(path: Path, user: str) -> frozenset[str]:
    try:
        users = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SubmittersUnavailable(f"the submitter_file {path} cannot be read: {root_cause(error)}") from error
    if not isinstance(users, dict):
        raise SubmittersUnavailable(f"the submitter_file {path} is not a JSON object of user names")
    found = users.get(user, [])
    ids = found if isinstance(found, list) else [found]
    if not all(type(each) in (int, str) for each in ids):
        raise SubmittersUnavailable(
            f"the submitter_file {path}: the ids of {quote_name(user)} are not numbers or texts"
        )
    return frozenset(map(str, ids))
