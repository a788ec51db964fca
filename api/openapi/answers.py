"""The documentation of answers; that of error answers is generated from the types of the errors.

Called by `api.routes.operations` and `api.openapi.operation`.
"""

import inspect
from collections import defaultdict
from http import HTTPStatus
from typing import Any, NamedTuple

from flask_openapi3.models import OPENAPI3_REF_PREFIX
from flask_openapi3.types import ResponseDict
from pydantic import BaseModel

from api.error_handlers import INTERNAL_MESSAGE, status_of
from api.openapi.schemas import Error
from api.request_errors import TusStatus
from ingest.errors.types import INTERNAL_ERROR, IngestError

RETRY_AFTER: dict[str, Any] = {
    "Retry-After": {"description": "Seconds to wait before the next attempt, if known.", "schema": {"type": "integer"}}
}
RECEIVED_HEADERS: dict[str, Any] = {
    "Location": {"description": "The address of the job, such as `/jobs/4`.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` if an earlier request with the same `Idempotency-Key` created the job.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Repr-Digest": {"description": "The digest of the stored bytes, if it is wanted.", "schema": {"type": "string"}},
}
HEADERS: dict[HTTPStatus | TusStatus, dict[str, Any]] = {
    HTTPStatus.UNAUTHORIZED: {
        "WWW-Authenticate": {
            "description": "The authentication scheme to use (RFC 9110).",
            "required": True,
            "schema": {"type": "string"},
        }
    },
    HTTPStatus.CONFLICT: RETRY_AFTER,
    HTTPStatus.LOCKED: RETRY_AFTER,
    HTTPStatus.TOO_MANY_REQUESTS: RETRY_AFTER,
    HTTPStatus.SERVICE_UNAVAILABLE: RETRY_AFTER,
    HTTPStatus.INSUFFICIENT_STORAGE: RETRY_AFTER,
}


class Case(NamedTuple):
    """An error, as the document shows it."""

    status: HTTPStatus | TusStatus
    code: str
    text: str


INTERNAL_CASE = Case(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR, INTERNAL_MESSAGE)


def success_answer(
    model: type[BaseModel], description: str, example: dict[str, Any], headers: dict[str, Any]
) -> dict[str, Any]:
    """Return the documentation of a successful answer whose example differs from the one of its type."""
    return {
        "description": description,
        "headers": headers,
        "content": {"application/json": {"schema": _reference(model), "example": example}},
    }


def error_answers(*kinds: type[IngestError]) -> ResponseDict:
    """Return the documentation of error answers, including the internal error: by status, with an example per code."""
    cases = defaultdict(list)
    for case in (*map(_case, kinds), INTERNAL_CASE):
        cases[case.status].append(case)
    return {status: _answer(status, cases[status]) for status in sorted(cases)}


def _case(kind: type[IngestError]) -> Case:
    # The first line of the docstring is for users, the rest is for developers.
    return Case(status_of(kind), kind.code, (inspect.getdoc(kind) or "").partition("\n")[0])


def _answer(status: HTTPStatus | TusStatus, cases: list[Case]) -> dict[str, Any]:
    shown = {case.code: {"summary": case.code, "value": _example(case)} for case in cases}
    answer: dict[str, Any] = {
        "description": "\n".join(f"- `{case.code}`: {case.text}" for case in cases),
        "content": {"application/json": {"schema": _reference(Error), "examples": shown}},
    }
    if status in HEADERS:
        answer["headers"] = HEADERS[status]
    return answer


def _example(case: Case) -> dict[str, str]:
    return {"status": f"{case.status.value} {case.status.phrase}", "code": case.code, "message": case.text}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"{OPENAPI3_REF_PREFIX}/{model.__name__}"}
