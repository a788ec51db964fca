"""Create an upload, for the current request and its user. Called by `api.routes.upload_creation`."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from flask import request

from api.receiving.create_job import new_job_id
from api.receiving.digests import REPR_DIGEST, requested_digests
from api.receiving.idempotency import idempotency_key
from api.receiving.resumable import keys
from api.receiving.resumable.headers import Part
from api.receiving.resumable.upload import check_length
from api.resources import Resources
from ingest.ledger import resumable_uploads
from ingest.ledger.idempotency_keys import KeyClaim
from ingest.ledger.upload_progress import Declaration
from ingest.ledger.user_shares import share_of
from ingest.spool import Announced, file_name
from ingest.system.tracing import current_traceparent

TOKEN_BYTES = 24


def claim(resources: Resources, user: str, part: Part) -> KeyClaim | str | None:
    """Return the claim on the request's idempotency key, or the token of the upload that the key already has.

    None without a key. Raises IdempotencyKeyInvalid, and the errors of `keys.claim_or_find`.
    """
    key = idempotency_key(request.headers)
    if key is None:
        return None
    return keys.claim_or_find(resources, user, key, part.length, request.headers.get(REPR_DIGEST))


def create(resources: Resources, user: str, part: Part, key: KeyClaim | None) -> str:
    """Commit a new upload; return its token.

    Raises DigestInvalid, ServiceUnavailable, and the errors of `check_length` and `resumable_uploads.create`.
    """
    settings, token = resources.settings, secrets.token_urlsafe(TOKEN_BYTES)
    # Refused now if it is malformed.
    requested_digests(request.headers)
    if part.length is not None:
        check_length(settings, part.length)
    job_id = new_job_id(resources)
    announced = Announced(job_id, file_name(job_id, "tar"), part.length, user)
    resumable_uploads.create(
        resources.engine,
        settings.volume_path,
        announced,
        token,
        Declaration(request.headers.get(REPR_DIGEST), part.metadata, part.ends_at_length, current_traceparent()),
        settings.spool_kept_free,
        share_of(settings, user),
        key,
    )
    return token


@contextmanager
def removed_on_failure(resources: Resources, token: str, *, is_known: bool) -> Iterator[None]:
    """Remove a new upload if the `with` block fails, unless the client knows how to find it.

    Otherwise it would keep its space until it expires.
    """
    try:
        yield
    except BaseException as error:
        if not is_known:
            resumable_uploads.discard(resources.engine, resources.settings.volume_path, token, error)
        raise
