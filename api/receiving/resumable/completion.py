"""Make a job of an upload whose last byte is on the disk. Called by `api.routes.upload_answers`.

The order of writes, and what a process that dies after one of them leaves:

    final name           the file of a whole upload; the next request, even HEAD, completes it
    -> commit of the job  the upload names the job; the client learns it from any later request
"""

from api.receiving.create_job import create_job
from api.receiving.digests import REPR_DIGEST, RequestedDigests, declared_digests
from api.receiving.hashing import Digests, hash_file
from api.receiving.idempotency import FINGERPRINT
from api.receiving.resumable.upload import OpenUpload
from api.receiving.upload_errors import DigestMismatch
from ingest.ledger import idempotency_keys, jobs
from ingest.ledger.jobs import JobSnapshot, Received
from ingest.spool import append, translate_disk_errors
from ingest.states.stages import Kind


def complete(open_upload: OpenUpload, declared: RequestedDigests) -> tuple[JobSnapshot, Digests] | None:
    """Commit the job of a whole upload; return the job and the digests of its file, or None if bytes are missing.

    May be repeated. A bundle with another digest than the client declared, at the creation or now, is removed. Raises as
    `api.receiving.create_job.create_job`, DigestMismatch, IdempotencyKeyInUse, SpoolUnavailable.
    """
    resources, upload = open_upload.resources, open_upload.upload
    if upload.has_job:
        return jobs.read(resources.engine, upload.job_id), {}
    file = open_upload.locked_file
    if not upload.is_whole:
        return None
    append.cut(file, open_upload.path, upload.offset, upload.job_id)
    fingerprint = {FINGERPRINT} if idempotency_keys.is_keyed(resources.engine, upload.spool_name) else set()
    digests = _verified(open_upload, declared, fingerprint)
    append.complete(open_upload.path, upload.job_id)
    received = Received(
        upload.job_id, Kind.INGEST, upload.user, upload.spool_name, upload.offset, open_upload.submitter
    )
    return create_job(resources, received, digests[FINGERPRINT] if fingerprint else None), digests


def _verified(open_upload: OpenUpload, declared: RequestedDigests, fingerprint: set[str]) -> Digests:
    """Return the digests of the file that are needed: declared, wanted, and the fingerprint for an idempotency key.

    The parts may have come to several processes, so the file is read again; if no digest is needed, it is not.
    """
    resources, upload, file = open_upload.resources, open_upload.upload, open_upload.locked_file
    stored = {REPR_DIGEST: upload.declared.repr_digest} if upload.declared.repr_digest else {}
    expected = RequestedDigests((*declared_digests(stored, REPR_DIGEST), *declared.declared), declared.wanted)
    algorithms = expected.algorithms | fingerprint
    if not algorithms:
        return {}
    with translate_disk_errors(open_upload.path.parent):
        file.seek(0)
        found = hash_file(file, algorithms, resources.settings.transfer_size)
    try:
        expected.verify(found)
    except DigestMismatch as error:
        open_upload.refuse(error.code, error.text)
        raise
    return found
