"""What the OpenAPI document says of each call: its words, its body, its answers. The routes name what is here.

The library makes the document from this, from the routes and from the types in `api.openapi.schemas`. Nothing here
changes what the API does: bodies are declared, and the library never reads one.
"""

from typing import Any, TypedDict

from flask_openapi3.models import Tag
from flask_openapi3.types import ResponseDict

from api.openapi.answers import errors, success
from api.openapi.call_errors import OF_A_BUNDLE, OF_A_DOCUMENT, OF_A_STATE
from api.openapi.request_bodies import BUNDLE, DOCUMENT
from api.openapi.schemas import Greeting, Health, JobState, Readiness, Unready
from ingest.errors.types import IngestError
from ingest.states.job_record import JobStatus


class Operation(TypedDict):
    """What a route hands to its decorator, by the names that the library gives them."""

    operation_id: str
    summary: str
    description: str
    tags: list[Tag]
    responses: ResponseDict
    openapi_extensions: dict[str, Any]


RECEIVE = Tag(name="Receive", description="Take a bundle or a move document, and start a job.")
REPORT = Tag(name="Report", description="Tell how far a job is.")
SERVICE = Tag(name="Service", description="Tell how the service itself is. Nobody needs to say who they are here.")

PUBLIC: dict[str, Any] = {"security": []}
PROMISE = (
    "An answer of 200 is a promise that the job will run: what was sent is safe on disk. After any other answer nothing of "
    "it stays, unless the text says otherwise."
)
RECEIVED = {
    "job_id": 4,
    "state": JobStatus.OK.value,
    "task": "UPLOADING",
    "task_percent": "0.0",
    "created": "2026-11-23 20:20:17",
    "updated": "2026-11-23 20:20:17",
    "exception": "",
    "complete": False,
}


def _receive_bundle(operation_id: str, summary: str) -> Operation:
    words = (
        "The body is the tar itself, with a `Content-Length` or in chunks; any content type but a form's is taken: "
        "`curl -T mybundle.tar -X POST <address>`."
    )
    return _receive(operation_id, summary, words, BUNDLE, OF_A_BUNDLE)


def _receive(
    operation_id: str, summary: str, words: str, body: dict[str, Any], kinds: tuple[type[IngestError], ...]
) -> Operation:
    return Operation(
        operation_id=operation_id,
        summary=summary,
        description=f"{words}\n\n{PROMISE}",
        tags=[RECEIVE],
        responses={200: success(JobState, "The job, which will run.", RECEIVED), **errors(*kinds)},
        openapi_extensions=body,
    )


def _state(operation_id: str, summary: str) -> Operation:
    return Operation(
        operation_id=operation_id,
        summary=summary,
        description="Poll until `complete` is true, then look at `state`: `OK` means archived and catalogued, `FAILED` that "
        "`exception` says why. Once a second is often enough.",
        tags=[REPORT],
        responses={200: JobState, **errors(*OF_A_STATE)},
        openapi_extensions={},
    )


INGEST = _receive_bundle("ingest", "Take a bundle")
UPLOAD = _receive_bundle("upload", "Take a bundle, by the name that existing clients use")
MOVE = _receive(
    "move",
    "Take a move document",
    "The files lie on disks of the facility already, and are moved into the archive instead of being sent.",
    DOCUMENT,
    OF_A_DOCUMENT,
)
GET_STATE = _state("get_state", "The state of a job")
GET_STATE_OF = _state("get_state_of", "The state of a job, in the other form of the address")
GET_ROOT = Operation(
    operation_id="root",
    summary="Say that the service is up",
    description="In the words of the original service.",
    tags=[SERVICE],
    responses={200: Greeting, **errors()},
    openapi_extensions=PUBLIC,
)
GET_HEALTH = Operation(
    operation_id="health",
    summary="Whether the service lives",
    description="Asks nobody else. A supervisor that restarts what does not answer calls this.",
    tags=[SERVICE],
    responses={200: Health, **errors()},
    openapi_extensions=PUBLIC,
)
GET_READINESS = Operation(
    operation_id="readiness",
    summary="Whether uploads are taken now",
    description="The database is reached, the spool can be written and has room: a load balancer calls this. Airflow is "
    "shown and decides nothing. What was found is kept for a second; an answer takes 3 seconds at the most.",
    tags=[SERVICE],
    responses={200: Readiness, 503: Unready, **errors()},
    openapi_extensions=PUBLIC,
)
