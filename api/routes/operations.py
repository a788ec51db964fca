"""The documentation of each call in the OpenAPI document: description, body and answers. Named by the routes.

Nothing here changes what the API does: bodies are only documented, and the library never reads one.
"""

from typing import Any

from flask_openapi3.models import Tag
from flask_openapi3.types import ResponseDict

from api.openapi.answers import RECEIVED_HEADERS, success_answer
from api.openapi.metrics_schemas import METRICS
from api.openapi.operation import Operation
from api.openapi.preflight_schemas import Acceptable, Unacceptable
from api.openapi.receipt_schemas import RECEIPT, RECEIPT_FILES, ReceiptKeys
from api.openapi.request_bodies import BUNDLE, CHECKED_MOVE, DOCUMENT, METADATA, PART
from api.openapi.request_headers import DIGESTS, IDEMPOTENCY_KEY
from api.openapi.schemas import Explanation, Greeting, Health, JobState, Readiness, Unready, UploadReport
from api.receiving.resumable.errors import UploadUnknown
from api.request_errors import NotFound, ReceiptsUnavailable
from api.routes.call_errors import (
    BUNDLE_ERRORS,
    CANCEL_ERRORS,
    CONTINUATION_ERRORS,
    CREATION_ERRORS,
    MOVE_ERRORS,
    OVERRIDE_ERRORS,
    PREFLIGHT_ERRORS,
    PREFLIGHT_MOVE_ERRORS,
    RECEIPT_ERRORS,
    RECEIPT_FILES_ERRORS,
    REMOVAL_ERRORS,
    RETRY_ERRORS,
    STATE_ERRORS,
)
from ingest.errors.types import DatabaseUnavailable, IngestError

RECEIVE = Tag(name="Receive", description="Receive a bundle or a move document and start a job.")
RESUME = Tag(
    name="Resume",
    description="Receive a bundle in parts, over connections that break: tus 1.0.0, and the IETF draft "
    "draft-ietf-httpbis-resumable-upload-12. The last byte creates the job.",
)
REPORT = Tag(name="Report", description="Report the state of a job.")
ACT = Tag(name="Act", description="Cancel and retry a job.")
SERVICE = Tag(name="Service", description="Report the state of the service. These calls need no authentication.")

PROMISE = (
    "The answer 200 guarantees that the job will run: the upload is safe on disk. After any other answer nothing of the "
    "upload remains, unless the message says otherwise."
)
RECEIVED = {
    "job_id": 4,
    "state": "OK",
    "task": "UPLOADING",
    "task_percent": "0.0",
    "created": "2026-11-23 20:20:17",
    "updated": "2026-11-23 20:20:17",
    "exception": "",
    "complete": False,
}
CANCELED = {
    **RECEIVED,
    "state": "FAILED",
    "task": "ingest files",
    "exception": "canceled: by alice at 2026-11-23 20:21:03 UTC; to archive the data, send it as a new job",
    "updated": "2026-11-23 20:21:03",
    "complete": True,
}


def _resume(
    operation_id: str,
    summary: str,
    description: str,
    status: int,
    answer: str,
    errors: tuple[type[IngestError], ...],
    body: dict[str, Any] | None = None,
) -> Operation:
    return Operation(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tag=RESUME,
        answers={status: {"description": answer}},
        errors=errors,
        body=body or {},
    )


def _receive_bundle(operation_id: str, summary: str) -> Operation:
    description = (
        "The body is the tar itself, with a `Content-Length` or in chunks. Any content type is accepted except those of "
        "forms: `curl -T mybundle.tar -X POST <address>`."
    )
    return _receive(operation_id, summary, description, BUNDLE, BUNDLE_ERRORS)


def _receive(
    operation_id: str, summary: str, description: str, body: dict[str, Any], errors: tuple[type[IngestError], ...]
) -> Operation:
    answers: ResponseDict = {200: success_answer(JobState, "The new job.", RECEIVED, RECEIVED_HEADERS)}
    return Operation(
        operation_id=operation_id,
        summary=summary,
        description=f"{description}\n\n{PROMISE}",
        tag=RECEIVE,
        answers=answers,
        errors=errors,
        body=body,
        headers=(IDEMPOTENCY_KEY, *DIGESTS),
    )


def _preflight(
    operation_id: str, summary: str, subject: str, body: dict[str, Any], errors: tuple[type[IngestError], ...]
) -> Operation:
    return Operation(
        operation_id=operation_id,
        summary=summary,
        description=f"Check {subject} as its job would: its form, the submitter, and policy. Nothing is kept, and no job is "
        "created. The answer 422 lists every fault with the code and the text that the job would show.",
        tag=RECEIVE,
        answers={200: Acceptable, 422: Unacceptable},
        errors=errors,
        body=body,
    )


def _state(operation_id: str, summary: str) -> Operation:
    return Operation(
        operation_id=operation_id,
        summary=summary,
        description="Poll until `complete` is true, then read `state`: `OK` means that the files are archived and "
        "cataloged; after `FAILED`, `exception` says why. One request per second is sufficient.",
        tag=REPORT,
        answers={200: JobState},
        errors=STATE_ERRORS,
    )


INGEST = _receive_bundle("ingest", "Receive a bundle")
UPLOAD = _receive_bundle("upload", "Receive a bundle (the address that existing clients use)")
MOVE = _receive(
    "move",
    "Receive a move document",
    "The files are already on disks of the facility and are moved into the archive instead of being sent.",
    DOCUMENT,
    MOVE_ERRORS,
)
CREATE_UPLOAD = _resume(
    "create_upload",
    "Create a resumable upload",
    "Send `Tus-Resumable: 1.0.0` and `Upload-Length` (or `Upload-Defer-Length: 1`). The answer names the address "
    "to send the bytes to. `OPTIONS` describes what is supported.",
    201,
    "The upload; `Location` is its address.",
    CREATION_ERRORS,
)
GET_UPLOAD = Operation(
    operation_id="get_upload",
    summary="Get the progress of a resumable upload, and its job",
    description="Does not disturb the request that sends bytes. (`HEAD` ends it, and answers where to continue.)",
    tag=RESUME,
    answers={200: UploadReport},
    errors=(UploadUnknown, DatabaseUnavailable),
)
CONTINUE_UPLOAD = _resume(
    "continue_upload",
    "Send the next bytes of a resumable upload",
    "`Upload-Offset` says where the bytes begin. What has arrived is kept when the connection breaks. The answer "
    "to the last byte guarantees that the job will run; its header `Link` names the job.",
    204,
    "The bytes are safe on disk; `Upload-Offset` is where the next ones begin.",
    CONTINUATION_ERRORS,
    PART,
)
OVERRIDE_METHOD = _resume(
    "override_method",
    "Send PATCH or DELETE through a proxy that does not know them",
    "The header `X-HTTP-Method-Override` names the method (tus 1.0.0).",
    204,
    "The answer to that method.",
    OVERRIDE_ERRORS,
)
REMOVE_UPLOAD = _resume(
    "remove_upload",
    "Remove a resumable upload that is not complete",
    "The bytes that were received are removed. A complete upload is a job, which stays.",
    204,
    "The upload is removed.",
    REMOVAL_ERRORS,
)
PREFLIGHT = _preflight(
    "preflight", "Check metadata before the bundle is sent", "the metadata of a bundle", METADATA, PREFLIGHT_ERRORS
)
PREFLIGHT_MOVE = _preflight(
    "preflight_move", "Check a move document", "a move document", CHECKED_MOVE, PREFLIGHT_MOVE_ERRORS
)
GET_STATE = _state("get_state", "Get the state of a job")
GET_STATE_OF = _state("get_state_of", "Get the state of a job (alternative address)")
GET_RECEIPT = Operation(
    operation_id="get_receipt",
    summary="Get the receipt of a cataloged job",
    description="The receipt proves what the archive holds: job, user, times, and every file with its hash. It is a compact "
    "JWS, signed with Ed25519, and always the same for the same job and key. Up to 10,000 files are listed in it; for more "
    "it has their Merkle root.",
    tag=REPORT,
    answers={200: RECEIPT},
    errors=RECEIPT_ERRORS,
)
GET_RECEIPT_FILES = Operation(
    operation_id="get_receipt_files",
    summary="Get the list of files that a receipt covers",
    description="One JSON object per line. The lines are the leaves of the Merkle tree whose root is in the receipt.",
    tag=REPORT,
    answers={200: RECEIPT_FILES},
    errors=RECEIPT_FILES_ERRORS,
)
GET_RECEIPT_KEYS = Operation(
    operation_id="get_receipt_keys",
    summary="Get the public keys that verify receipts",
    description="A JSON Web Key Set (RFC 7517), with the keys that were replaced.",
    tag=SERVICE,
    answers={200: ReceiptKeys},
    errors=(ReceiptsUnavailable,),
)
CANCEL_JOB = Operation(
    operation_id="cancel_job",
    summary="Cancel a job",
    description="End a job for good: its stage stops, and its files are removed from the archive, also when Airflow is "
    "unavailable now. The state is `FAILED` with the code `canceled`, and no retry changes it. May be repeated. Uploaders "
    "cancel their own jobs, admins all jobs. A job that was sent to the catalog cannot be canceled.",
    tag=ACT,
    answers={200: success_answer(JobState, "The job is canceled.", CANCELED, {})},
    errors=CANCEL_ERRORS,
)
RETRY_JOB = Operation(
    operation_id="retry_job",
    summary="Retry a job",
    description="Continue a job that has failed, from the first stage that has not finished, as the command `retry` does. "
    "For admins. May be repeated.",
    tag=ACT,
    answers={200: JobState},
    errors=RETRY_ERRORS,
)
GET_ROOT = Operation(
    operation_id="root",
    summary="Check that the service is up",
    description="The answer of the original service (pacifica-ingest 0.4.1).",
    tag=SERVICE,
    answers={200: Greeting},
)
GET_HEALTH = Operation(
    operation_id="health",
    summary="Check that the process is alive",
    description="Depends on no other service. For supervisors that restart an unresponsive process.",
    tag=SERVICE,
    answers={200: Health},
)
EXPLAIN_ERROR = Operation(
    operation_id="explain_error",
    summary="Explain the code of an error",
    description="The `type` of an error in the form of RFC 9457 (`Accept: application/problem+json`) has this address.",
    tag=SERVICE,
    answers={200: Explanation},
    errors=(NotFound,),
)
GET_READINESS = Operation(
    operation_id="readiness",
    summary="Check whether uploads are accepted",
    description="Ready means that the database is available and the spool is writable and has free space. For load "
    "balancers. Airflow is reported but does not count. Results are kept for a second; an answer takes at most 3 seconds.",
    tag=SERVICE,
    answers={200: Readiness, 503: Unready},
)
GET_METRICS = Operation(
    operation_id="metrics",
    summary="Read the metrics for Prometheus",
    description="The metrics of jobs, stages and services are the same on each host; those of requests and uploads are of "
    "this host. For operators, admins, and callers with the token of the setting `metrics_token_file`.",
    tag=REPORT,
    answers={200: METRICS},
)
