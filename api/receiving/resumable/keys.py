"""Recognize the creation of an upload that is sent again, by its `Idempotency-Key`. Called by `api.routes.upload_creation`.

`ingest.ledger.idempotency_keys` says why a key never has a second job.
"""

from api.receiving.idempotency import is_being_received
from api.receiving.resumable.errors import UploadHasJob
from api.receiving.resumable.opening import keep_of
from api.receiving.upload_errors import IdempotencyKeyReused
from api.resources import Resources
from ingest.ledger import idempotency_keys, resumable_uploads, upload_progress
from ingest.ledger.idempotency_keys import CompletedKey, KeyClaim
from ingest.states.stages import Kind


def claim_or_find(
    resources: Resources, user: str, key: str, length: int | None, repr_digest: str | None
) -> KeyClaim | str:
    """Return the claim with which an upload is created, or the token of the upload that the key already has.

    The length and the digest that the client declares, where it does, must be those of the first creation. Raises
    IdempotencyKeyInUse, IdempotencyKeyReused, UploadHasJob, DatabaseUnavailable, SpoolUnavailable.
    """
    found = idempotency_keys.find(resources.engine, user, key)
    if found is None:
        return KeyClaim(user, key, Kind.INGEST)
    folder = resources.settings.volume_path
    upload = upload_progress.of_file(resources.engine, found.spool_name, keep_of(resources))
    if upload is not None:
        if length not in {None, upload.length} or repr_digest not in {None, upload.declared.repr_digest}:
            raise IdempotencyKeyReused(
                "this Idempotency-Key was sent with another upload; use a new key for each upload"
            )
        if upload.offset == 0 and not upload.has_job:
            # The process that created the upload may have died before it created the file.
            resumable_uploads.create_file(resources.engine, folder, upload.token)
        return upload.token
    if isinstance(found, CompletedKey):
        link = {"Link": f'</jobs/{found.job_id}>; rel="related"'}
        raise UploadHasJob(f"the bundle of this Idempotency-Key is job {found.job_id}", link)
    if is_being_received(folder, found):
        raise idempotency_keys.in_use()
    return KeyClaim(user, key, Kind.INGEST, dead_upload=found.spool_name)
