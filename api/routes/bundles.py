"""Receive: `POST /ingest` and `POST /upload` take a bundle, `POST /move` a move document.

The answer 200 guarantees that the job will run. If this process dies after one of its steps:

    job id from UniqueID          only the number is lost
    -> commit of the upload's row the row remains; the client gets no answer and sends again; retention removes the row
    -> `.part` file, fsync        the same, and retention removes the `.part` file before the row
    -> rename, fsync of folder    the same, with a file of its final name
    -> commit of the job's row    the upload's row is replaced by the job, which housekeeping triggers
    -> trigger                    the job runs; housekeeping triggers it again, which Airflow answers with 409
    -> answer                     the job runs; a client that got no answer may send again, which creates another job,
                                  unless both requests have the same Idempotency-Key

A key changes in the transactions of the upload's row and of the job's row: `ingest.ledger.idempotency_keys`.
"""

import logging
import time
from collections.abc import Callable
from typing import BinaryIO

from flask import Response, request

from api.access.auth import caller
from api.access.roles import UPLOADERS
from api.receiving.body import Body
from api.receiving.content_headers import refuse_all_but_json, refuse_multipart, refuse_part, refuse_url_encoded
from api.receiving.create_job import create_job, new_job_id, start_job
from api.receiving.digests import RequestedDigests, requested_digests
from api.receiving.hashing import HashedBody, hashing
from api.receiving.idempotency import FINGERPRINT, REPLAYED, claim_or_find, idempotency_key, refuse_other_body
from api.receiving.move_document import check_move_document, check_mover
from api.receiving.resumable import draft
from api.receiving.resumable.draft import Draft
from api.receiving.upload_errors import DocumentTooLarge
from api.receiving.upload_slots import slot_of
from api.resources import get_resources
from api.routes import operations
from api.routes.registration import Routes
from api.routes.state_json import answer_received
from api.routes.upload_creation import add_limits, create_upload
from ingest.ledger import jobs, uploads
from ingest.ledger.idempotency_keys import CompletedKey, KeyClaim
from ingest.ledger.jobs import Received
from ingest.ledger.user_shares import share_of
from ingest.spool import Announced, file_name
from ingest.spool.blocks import Kept
from ingest.spool.receive import check_size, receiving
from ingest.states.stages import Kind
from ingest.system.failpoints import failpoint
from ingest.system.tracing import current_traceparent, link

logger = logging.getLogger(__name__)
routes = Routes("receive", __name__)

LARGEST_DOCUMENT = 1024**3

routes.after_request(add_limits)


@routes.call("POST", "/upload", operations.UPLOAD, UPLOADERS, endpoint="upload")
@routes.call("POST", "/ingest", operations.INGEST, UPLOADERS, endpoint="ingest")
def receive_bundle() -> Response:
    """Receive a bundle; `/upload` is the address that existing clients use."""
    refuse_multipart()
    if draft.is_creation():
        return create_upload(Draft())
    refuse_part()
    settings = get_resources().settings
    body = Body(settings, settings.largest_bundle)
    response = receive(Kind.INGEST, body, "tar", refuse_url_encoded)
    response.headers.update(draft.headers_of_whole(body.received))
    return response


@routes.call("POST", "/move", operations.MOVE, UPLOADERS)
def receive_move() -> Response:
    """Receive a move document."""
    refuse_all_but_json()
    refuse_part()
    settings, user = get_resources().settings, caller().user
    check_mover(settings, user)
    body = Body(settings, LARGEST_DOCUMENT, DocumentTooLarge)
    return receive(Kind.MOVE, body, "json", lambda document: check_move_document(document, settings, user))


def receive(kind: Kind, body: Body, extension: str, check: Callable[[BinaryIO], None] | None = None) -> Response:
    """Write a body to the spool, record the job, start it, and answer its state.

    Raises DigestInvalid, DigestMismatch, IdempotencyKeyInvalid, IdempotencyKeyInUse, IdempotencyKeyReused, TooManyUploads,
    UserLimit, ServiceUnavailable, DatabaseUnavailable, UploadAbandoned, and the errors of `check` and of
    `ingest.spool.receive.receiving`.
    """
    resources, user = get_resources(), caller().user
    digests, key = requested_digests(request.headers), idempotency_key(request.headers)
    algorithms = digests.algorithms if key is None else digests.algorithms | {FINGERPRINT}
    with slot_of(resources, user), hashing(body, algorithms) as hashed:

        def check_received(file: BinaryIO) -> None:
            digests.verify(hashed.digests())
            if check:
                check(file)

        claim = None if key is None else claim_or_find(resources, user, kind, key, body.announced_size)
        if isinstance(claim, CompletedKey):
            response = _answer_again(claim, body, hashed, digests)
        else:
            response = _receive(kind, body, hashed, extension, check_received, claim)
        response.headers.update(digests.answer_headers(hashed.digests()))
        return response


def _answer_again(first: CompletedKey, body: Body, hashed: HashedBody, digests: RequestedDigests) -> Response:
    """Read the body that was sent again, without keeping it, and answer as the first time."""
    resources = get_resources()
    check_size(hashed.read_all(resources.settings.transfer_size), body.announced_size)
    digests.verify(hashed.digests())
    refuse_other_body(first, hashed.digests())
    job = jobs.read(resources.engine, first.job_id)
    link(job.received.traceparent)
    logger.info("job %d: its upload was sent again", first.job_id, extra={"job": first.job_id})
    response = answer_received(first.job_id, job.created, job.created)
    response.headers.update(REPLAYED)
    return response


def _receive(
    kind: Kind,
    body: Body,
    hashed: HashedBody,
    extension: str,
    check: Callable[[BinaryIO], None],
    claim: KeyClaim | None,
) -> Response:
    resources, begun, user = get_resources(), time.monotonic(), caller().user
    settings = resources.settings
    job_id = new_job_id(resources)
    upload = Announced(job_id, file_name(job_id, extension), body.announced_size, user)
    folder, kept_free, share = settings.volume_path, settings.spool_kept_free, share_of(settings, user)
    with (
        uploads.announced(resources.engine, folder, upload, kept_free, share, claim) as kept_for_others,
        receiving(hashed, folder, upload, settings.transfer_size, check, Kept(kept_free, kept_for_others)) as size,
    ):
        sha256 = None if claim is None else hashed.digests()[FINGERPRINT]
        received = Received(job_id, kind, user, upload.name, size, caller().submitter, current_traceparent())
        snapshot = create_job(resources, received, sha256)
    job = snapshot.received
    failpoint("receive.committed", job.job_id)
    start_job(resources, job, begun)
    failpoint("receive.triggered", job.job_id)
    return answer_received(job.job_id, snapshot.created, snapshot.updated)
