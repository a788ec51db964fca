"""The answers of the OpenAPI document; those of errors are made from the types of the errors.

Called by `api.routes.operations`.
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
from ingest.errors.types import INTERNAL_ERROR, IngestError

RETRY_AFTER: dict[str, Any] = {
    "Retry-After": {"description": "Seconds to wait, where that is known.", "schema": {"type": "integer"}}
}
HEADERS: dict[HTTPStatus, dict[str, Any]] = {
    HTTPStatus.UNAUTHORIZED: {
        "WWW-Authenticate": {
            "description": "How to prove who is calling (RFC 9110).",
            "required": True,
            "schema": {"type": "string"},
        }
    },
    HTTPStatus.TOO_MANY_REQUESTS: RETRY_AFTER,
    HTTPStatus.SERVICE_UNAVAILABLE: RETRY_AFTER,
    HTTPStatus.INSUFFICIENT_STORAGE: RETRY_AFTER,
}


class Case(NamedTuple):
    """One thing that can be wrong, as the document shows it."""

    status: HTTPStatus
    code: str
    text: str


OURS = Case(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR, INTERNAL_MESSAGE)


def success(model: type[BaseModel], description: str, example: dict[str, Any]) -> dict[str, Any]:
    """Give an answer of a type that another call of the document has too, with an example of its own."""
    return {
        "description": description,
        "content": {"application/json": {"schema": _reference(model), "example": example}},
    }


def errors(*kinds: type[IngestError]) -> ResponseDict:
    """Give the answers to errors of these types, and to a mistake of ours: one for each status, an example for each code."""
    cases = defaultdict(list)
    for case in (*map(_case, kinds), OURS):
        cases[case.status].append(case)
    return {status: _answer(status, cases[status]) for status in sorted(cases)}


def _case(kind: type[IngestError]) -> Case:
    # The first line says what happened, the rest is for developers.
    return Case(status_of(kind), kind.code, (inspect.getdoc(kind) or "").partition("\n")[0])


def _answer(status: HTTPStatus, cases: list[Case]) -> dict[str, Any]:
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
