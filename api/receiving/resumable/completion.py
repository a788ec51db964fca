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
from ingest.system.tracing import current_traceparent


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
    fingerprint = _fingerprint(open_upload)
    digests = _verified(open_upload, declared, fingerprint)
    append.complete(open_upload.path, upload.job_id)
    received = Received(
        upload.job_id,
        Kind.INGEST,
        upload.user,
        upload.spool_name,
        upload.offset,
        open_upload.submitter,
        upload.declared.traceparent or current_traceparent(),
    )
    return create_job(resources, received, digests[FINGERPRINT] if fingerprint else None), digests


def needed_algorithms(open_upload: OpenUpload, declared: RequestedDigests) -> frozenset[str]:
    """Return the algorithms of the digests with which a bundle is completed that arrives in the current request.

    None if it began in another request. Raises DatabaseUnavailable.
    """
    if open_upload.upload.offset or open_upload.upload.has_job:
        return frozenset()
    return _expected(open_upload, declared).algorithms | _fingerprint(open_upload)


def _expected(open_upload: OpenUpload, declared: RequestedDigests) -> RequestedDigests:
    """Return the digests that were declared at the creation or now, and the wanted one."""
    upload = open_upload.upload
    stored = {REPR_DIGEST: upload.declared.repr_digest} if upload.declared.repr_digest else {}
    return RequestedDigests((*declared_digests(stored, REPR_DIGEST), *declared.declared), declared.wanted)


def _fingerprint(open_upload: OpenUpload) -> frozenset[str]:
    """Return the algorithm of the digest that an idempotency key needs; empty without a key."""
    is_keyed = idempotency_keys.is_keyed(open_upload.resources.engine, open_upload.upload.spool_name)
    return frozenset({FINGERPRINT}) if is_keyed else frozenset()


def _verified(open_upload: OpenUpload, declared: RequestedDigests, fingerprint: frozenset[str]) -> Digests:
    """Return the digests of the file that are needed: declared, wanted, and the fingerprint for an idempotency key."""
    expected = _expected(open_upload, declared)
    found = _digests(open_upload, expected.algorithms | fingerprint)
    try:
        expected.verify(found)
    except DigestMismatch as error:
        open_upload.refuse(error.code, error.text)
        raise
    return found


def _digests(open_upload: OpenUpload, algorithms: frozenset[str]) -> Digests:
    """Return the digests of the file, which is read again if it came in parts: other processes may have received them."""
    if algorithms <= open_upload.digests.keys():
        return open_upload.digests
    file = open_upload.locked_file
    with translate_disk_errors(open_upload.path.parent):
        file.seek(0)
        return hash_file(file, algorithms, open_upload.resources.settings.transfer_size)
