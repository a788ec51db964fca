"""The documentation of each call in the OpenAPI document: description, body and answers. Named by the routes.

Nothing here changes what the API does: bodies are only documented, and the library never reads one.
"""

from typing import Any

from flask_openapi3.models import Tag
from flask_openapi3.types import ResponseDict

from api.openapi.answers import RECEIVED_HEADERS, success_answer
from api.openapi.operation import Operation
from api.openapi.request_bodies import BUNDLE, DOCUMENT
from api.openapi.request_headers import DIGESTS, IDEMPOTENCY_KEY
from api.openapi.schemas import Greeting, Health, JobState, Readiness, Unready
from api.routes.call_errors import BUNDLE_ERRORS, MOVE_ERRORS, STATE_ERRORS
from ingest.errors.types import IngestError

RECEIVE = Tag(name="Receive", description="Receive a bundle or a move document and start a job.")
REPORT = Tag(name="Report", description="Report the state of a job.")
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
GET_STATE = _state("get_state", "Get the state of a job")
GET_STATE_OF = _state("get_state_of", "Get the state of a job (alternative address)")
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
GET_READINESS = Operation(
    operation_id="readiness",
    summary="Check whether uploads are accepted",
    description="Ready means that the database is available and the spool is writable and has free space. For load "
    "balancers. Airflow is reported but does not count. Results are kept for a second; an answer takes at most 3 seconds.",
    tag=SERVICE,
    answers={200: Readiness, 503: Unready},
)
