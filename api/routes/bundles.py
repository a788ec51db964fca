"""Receive: `POST /ingest` and `POST /upload` take a bundle, `POST /move` a move document.

The answer 200 guarantees that the job will run. If this process dies after one of its steps:

    job id from UniqueID          only the number is lost
    -> commit of the upload's row the row remains; the client gets no answer and sends again; retention removes the row
    -> `.part` file, fsync        the same, and retention removes the `.part` file before the row
    -> rename, fsync of folder    the same, with a file of its final name
    -> commit of the job's row    the upload's row is replaced by the job, which housekeeping triggers
    -> trigger                    the job runs; housekeeping triggers it again, which Airflow answers with 409
    -> answer                     the job runs; a client that got no answer may send again, which creates another job
"""

import logging
import time
from collections.abc import Callable
from typing import BinaryIO

from flask import Response, request

from api.access.auth import caller
from api.access.roles import UPLOADERS
from api.receiving.body import Body
from api.receiving.content_headers import refuse_all_but_json, refuse_multipart, refuse_url_encoded
from api.receiving.create_job import create_job, new_job_id
from api.receiving.digests import requested_digests
from api.receiving.hashing import hashing
from api.receiving.move_document import check_move_document, check_mover
from api.receiving.upload_errors import DocumentTooLarge
from api.receiving.upload_slots import UploadSlots
from api.resources import Resources, get_resources
from api.routes import operations
from api.routes.registration import Routes
from api.routes.state_json import answer
from ingest import spool
from ingest.errors.types import DatabaseUnavailable, ServiceUnavailable
from ingest.ledger import uploads
from ingest.ledger.jobs import Received
from ingest.ledger.user_shares import share_of
from ingest.orchestrator import start_jobs
from ingest.spool import Announced, Readable
from ingest.states.job_state import received
from ingest.states.stages import Kind
from ingest.system.failpoints import failpoint

logger = logging.getLogger(__name__)
routes = Routes("receive", __name__)

LARGEST_DOCUMENT = 1024**3


@routes.call("POST", "/upload", operations.UPLOAD, UPLOADERS, endpoint="upload")
@routes.call("POST", "/ingest", operations.INGEST, UPLOADERS, endpoint="ingest")
def receive_bundle() -> Response:
    """Receive a bundle; `/upload` is the address that existing clients use."""
    refuse_multipart()
    settings = get_resources().settings
    body = Body(settings, settings.largest_bundle)
    return receive(Kind.INGEST, body, "tar", refuse_url_encoded)


@routes.call("POST", "/move", operations.MOVE, UPLOADERS)
def receive_move() -> Response:
    """Receive a move document."""
    refuse_all_but_json()
    settings, user = get_resources().settings, caller().user
    check_mover(settings, user)
    body = Body(settings, LARGEST_DOCUMENT, DocumentTooLarge)
    return receive(Kind.MOVE, body, "json", lambda document: check_move_document(document, settings, user))


def receive(kind: Kind, body: Body, extension: str, check: Callable[[BinaryIO], None] | None = None) -> Response:
    """Write a body to the spool, record the job, start it, and answer its state.

    Raises DigestInvalid, DigestMismatch, TooManyUploads, UserLimit, ServiceUnavailable, DatabaseUnavailable,
    UploadAbandoned, and the errors of `check` and of `ingest.spool.receive`.
    """
    user, digests = caller().user, requested_digests(request.headers)
    share = share_of(get_resources().settings, user)
    with (
        get_resources().get(UploadSlots).one(user, share.uploads),
        hashing(body, digests.algorithms) as hashed,
    ):

        def check_received(file: BinaryIO) -> None:
            digests.verify(hashed.digests())
            if check:
                check(file)

        response = _receive(kind, body, hashed, extension, check_received)
        response.headers.update(digests.answer_headers(hashed.digests()))
        return response


def _receive(kind: Kind, body: Body, stream: Readable, extension: str, check: Callable[[BinaryIO], None]) -> Response:
    resources, begun, user = get_resources(), time.monotonic(), caller().user
    settings = resources.settings
    job_id = new_job_id(resources)
    upload = Announced(job_id, spool.file_name(job_id, extension), body.announced_size, user)
    folder, kept_free, share = settings.volume_path, settings.spool_kept_free, share_of(settings, user)
    with uploads.announced(resources.engine, folder, upload, kept_free, share) as kept_for_others:
        size = spool.receive(stream, folder, upload, settings.transfer_size, check, kept_free, kept_for_others)
        snapshot = create_job(resources, Received(job_id, kind, user, upload.name, size, caller().submitter))
    job = snapshot.received
    failpoint("receive.committed", job.job_id)
    triggered = start(resources, job)
    failpoint("receive.triggered", job.job_id)
    logger.info(
        "job %d received: kind=%s bytes=%d user=%r seconds=%.2f triggered=%s",
        job.job_id, kind, size, job.user, time.monotonic() - begun, triggered,
    )  # fmt: skip
    return answer(job.job_id, received(), snapshot.created, snapshot.updated)


def start(resources: Resources, job: Received) -> bool:
    """Start the job if it may start; return whether it has started. After a failure housekeeping starts it later."""
    try:
        return start_jobs.start(resources.settings, resources.engine, resources.airflow, job)
    except (ServiceUnavailable, DatabaseUnavailable) as error:
        logger.warning("job %d: housekeeping will trigger it: %s", job.job_id, error.text)
        return False
