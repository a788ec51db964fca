"""Recognize an upload that is sent again, by its `Idempotency-Key`, so that it is answered with its first job.

Called by `api.routes.bundles`. The header is that of draft-ietf-httpapi-idempotency-key-header-07. A key belongs to its
user. `ingest.ledger.idempotency_keys` says why there is never a second job, whatever dies in between.
"""

from contextlib import suppress
from pathlib import Path

import http_sf
from http_sf import StructuredFieldError
from werkzeug.datastructures import Headers

from api.receiving.hashing import Digests
from api.receiving.resumable.opening import keep_of
from api.receiving.upload_errors import IdempotencyKeyInvalid, IdempotencyKeyReused
from api.resources import Resources
from ingest import spool
from ingest.errors.types import IdempotencyKeyInUse
from ingest.ledger import idempotency_keys, upload_progress
from ingest.ledger.idempotency_keys import CompletedKey, KeyClaim, PendingKey
from ingest.spool import translate_disk_errors
from ingest.states.stages import Kind

HEADER = "Idempotency-Key"
# Answers that an earlier request has caused have this header.
REPLAYED = {"Idempotency-Replayed": "true"}
# The algorithm by which bodies are compared.
FINGERPRINT = "sha-256"
LONGEST_KEY = 255


def idempotency_key(headers: Headers) -> str | None:
    """Return the key of a request, None if it has none; raises IdempotencyKeyInvalid."""
    text = headers.get(HEADER)
    if text is None:
        return None
    try:
        # WSGI decodes headers as Latin-1.
        parsed = http_sf.parse(text.encode("latin-1"), tltype="item")
    except (StructuredFieldError, UnicodeEncodeError) as error:
        raise _invalid() from error
    key = parsed[0] if isinstance(parsed, tuple) else parsed
    # Not a token, which is the type of a value without quotes.
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY:
        raise _invalid()
    return key


def claim_or_find(
    resources: Resources, user: str, kind: Kind, key: str, announced_size: int | None
) -> KeyClaim | CompletedKey:
    """Return the claim with which an upload is announced, or the job that the key already has.

    Called before the body is read. Raises IdempotencyKeyInUse, IdempotencyKeyReused, DatabaseUnavailable, SpoolUnavailable.
    """
    found = idempotency_keys.find(resources.engine, user, key)
    if found is None:
        return KeyClaim(user, key, kind)
    if isinstance(found, PendingKey):
        if is_being_received(resources.settings.volume_path, found):
            raise idempotency_keys.in_use()
        if upload_progress.of_file(resources.engine, found.spool_name, keep_of(resources)) is not None:
            # The upload can still become a job, which would be the second one of the key.
            raise IdempotencyKeyInUse(
                f"this {HEADER} belongs to a resumable upload that is not complete; continue the upload or remove it"
            )
        return KeyClaim(user, key, kind, dead_upload=found.spool_name)
    if found.kind is not kind or announced_size not in {None, found.size}:
        raise _reused(found)
    return found


def refuse_other_body(first: CompletedKey, found: Digests) -> None:
    """Compare a body that was sent again with the first one; raises IdempotencyKeyReused."""
    if found[FINGERPRINT] != first.sha256:
        raise _reused(first)


def is_being_received(folder: Path, key: PendingKey) -> bool:
    """Return whether a process receives the upload of a key: it holds the lock of the file, or is about to create it.

    Raises SpoolUnavailable.
    """
    path = folder / key.spool_name
    with translate_disk_errors(folder):
        if key.is_starting and not (path.exists() or _has_bytes(spool.part_of(path))):
            # Its lock is not tested, because the test could be in the way of the process that is about to acquire it.
            return True
        return spool.is_being_written(path)


def _has_bytes(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return path.stat().st_size > 0
    return False


def _invalid() -> IdempotencyKeyInvalid:
    return IdempotencyKeyInvalid(
        f'{HEADER} must be 1 to {LONGEST_KEY} ASCII characters in double quotes; send {HEADER}: "<a new UUID>"'
    )


def _reused(first: CompletedKey) -> IdempotencyKeyReused:
    return IdempotencyKeyReused(
        f"this {HEADER} was sent with another body, which is job {first.job_id}; use a new key for each upload"
    )
