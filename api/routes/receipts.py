"""Receipts of cataloged jobs: `GET /jobs/N/receipt`, the list of their files beside it, and the keys that verify them.

`ingest.receipts` makes a receipt, which is the same each time. The keys are read for each request, because an admin may
replace them on another host.
"""

import logging
from collections.abc import Iterator

from flask import Response, jsonify

from api.access.roles import ALL_ROLES, PUBLIC
from api.openapi.parameters import JobPath
from api.polling.merkle_roots import MerkleRoots
from api.request_errors import ReceiptNotAvailable, ReceiptsNotConfigured, ReceiptsUnavailable
from api.resources import get_resources
from api.routes import operations
from api.routes.registration import Routes
from api.routes.state import read_visible
from api.serving.long_answers import send_at_the_clients_pace
from ingest.errors.types import ConfigurationError, ReceivedByOriginal
from ingest.ledger import cataloged_jobs
from ingest.receipts.content import CatalogedJob, sign, to_json
from ingest.receipts.keys import KeyRing, SigningKey, read_keys

logger = logging.getLogger(__name__)
routes = Routes("receipts", __name__)
RECEIPT_TYPE = "application/jose"
LIST_TYPE = "application/x-ndjson"


@routes.call("GET", "/jobs/<job_id>/receipt", operations.GET_RECEIPT, ALL_ROLES)
def get_receipt(path: JobPath) -> Response:
    """Answer the receipt of a job."""
    return answer_receipt(path.job_id)


def answer_receipt(job_id: int) -> Response:
    """Answer the receipt of a job that the caller may see; raises UnknownJob, ReceiptNotAvailable, DatabaseUnavailable."""
    job = _cataloged_job(job_id)
    return Response(sign(job, _files(job), _signing_key()) + "\n", mimetype=RECEIPT_TYPE)


@routes.call("GET", "/jobs/<job_id>/receipt/files", operations.GET_RECEIPT_FILES, ALL_ROLES)
def get_receipt_files(path: JobPath) -> Response:
    """Answer the files of a job, one line for each, without holding them in memory."""
    job = _cataloged_job(path.job_id)
    return send_at_the_clients_pace(_lines(job.job_id), LIST_TYPE)


@routes.call("GET", "/.well-known/jwks.json", operations.GET_RECEIPT_KEYS, PUBLIC)
def get_receipt_keys() -> Response:
    """Answer the public keys, also those that were replaced."""
    return jsonify(_keys().public)


def _cataloged_job(job_id: int) -> CatalogedJob:
    """Return the facts about a job; raises UnknownJob, ReceiptNotAvailable, DatabaseUnavailable."""
    try:
        read_visible(job_id)
    except ReceivedByOriginal:
        raise ReceiptNotAvailable(
            f"job {job_id} was received by pacifica-ingest 0.4.1, which recorded no files; it has no receipt"
        ) from None
    job = cataloged_jobs.read(get_resources().engine, job_id)
    if job is None:
        raise ReceiptNotAvailable(
            f"job {job_id} is not cataloged, so it has no receipt; keep your files, and see its state: "
            f"/get_state?job_id={job_id}"
        )
    return job


def _files(job: CatalogedJob) -> str:
    """Return the JSON of the list of files, or of its Merkle root."""
    resources = get_resources()
    if job.is_listed:
        return f"[{','.join(cataloged_jobs.file_lines(resources.engine, job.job_id))}]"
    return to_json(resources.get(MerkleRoots).root(job.job_id))


def _lines(job_id: int) -> Iterator[bytes]:
    # The engine is found now, and the files are read while the answer is sent, after the request.
    lines = cataloged_jobs.file_lines(get_resources().engine, job_id)
    return (f"{line}\n".encode() for line in lines)


def _signing_key() -> SigningKey:
    key = _keys().signing
    if key is None:
        raise ReceiptsNotConfigured(
            "this service has no key for receipts; an admin creates one: see receipt_key_folder"
        )
    return key


def _keys() -> KeyRing:
    """Read the keys; raises ReceiptsUnavailable."""
    folder = get_resources().settings.receipt_key_folder
    if folder is None:
        return KeyRing(None, {"keys": []})
    try:
        return read_keys(folder)
    except ConfigurationError as error:
        logger.error("receipts cannot be signed: %s", error)  # noqa: TRY400 - the traceback adds nothing
        raise ReceiptsUnavailable("the keys of receipts cannot be read now; try again later") from error
