"""Answer every error as JSON: `{"status": "404 Not Found", "code": "not_found", "message": "..."}`, without a traceback.

A client that sends `Accept: application/problem+json` gets the form of RFC 9457 instead.

Registered by `api.app`. The routes and the domain raise errors; only this module turns them into HTTP answers.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn

from flask import Flask, Response, jsonify, request
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import HTTPException

from api.request_errors import InvalidJobId, MethodNotAllowed, NotFound, ParametersInvalid, RequestError, TusStatus
from ingest.errors.advice import advice_on
from ingest.errors.types import (
    INTERNAL_ERROR,
    BundleNotReplaceable,
    IdempotencyKeyInUse,
    IngestError,
    JobBeingCataloged,
    JobCanceled,
    JobFinished,
    Rejection,
    SpoolFull,
    TransientError,
    UnknownJob,
    UserLimit,
)

logger = logging.getLogger(__name__)

# Maps errors of the domain to statuses; the first matching class applies.
STATUSES: tuple[tuple[type[IngestError], HTTPStatus], ...] = (
    (UnknownJob, HTTPStatus.NOT_FOUND),
    (Rejection, HTTPStatus.BAD_REQUEST),
    (SpoolFull, HTTPStatus.INSUFFICIENT_STORAGE),
    (UserLimit, HTTPStatus.TOO_MANY_REQUESTS),
    (IdempotencyKeyInUse, HTTPStatus.CONFLICT),
    (JobFinished, HTTPStatus.CONFLICT),
    (BundleNotReplaceable, HTTPStatus.CONFLICT),
    (JobBeingCataloged, HTTPStatus.CONFLICT),
    (JobCanceled, HTTPStatus.CONFLICT),
    (TransientError, HTTPStatus.SERVICE_UNAVAILABLE),
)
# Maps the statuses of errors that Flask raises to the types that have their codes.
FLASK_ERRORS: dict[int | None, type[RequestError]] = {error.status: error for error in (NotFound, MethodNotAllowed)}
JOB_ID = "job_id"
PROBLEM_TYPE = "application/problem+json"
# pydantic's type of an error.
UNKNOWN_PARAMETER = "extra_forbidden"
INTERNAL_MESSAGE = "internal error; see the log of the service"


def register(app: Flask) -> None:
    """Register the handlers, so that the application answers every error as JSON."""
    app.register_error_handler(HTTPException, answer_http_error)
    app.register_error_handler(RequestError, answer_request_error)
    app.register_error_handler(IngestError, answer_ingest_error)
    app.register_error_handler(Exception, answer_unexpected_error)


def status_of(kind: type[IngestError]) -> HTTPStatus | TusStatus:
    """Return the status of the answer to errors of a type."""
    if issubclass(kind, RequestError):
        return kind.status
    statuses = (status for parent, status in STATUSES if issubclass(kind, parent))
    return next(statuses, HTTPStatus.INTERNAL_SERVER_ERROR)


def refuse_parameters(error: ValidationError) -> NoReturn:
    """Raise InvalidJobId, or ParametersInvalid with all faults; called by flask-openapi3 for malformed parameters."""
    faults = error.errors()
    reasons = {str(fault["loc"][0]): _reason(fault) for fault in faults}
    if any(fault["loc"] == (JOB_ID,) and fault["type"] != UNKNOWN_PARAMETER for fault in faults):
        raise InvalidJobId("job_id must be an integer: the job id from the answer to the upload")
    raise ParametersInvalid(reasons)


def _reason(fault: ErrorDetails) -> str:
    return (
        "there is no such parameter"
        if fault["type"] == UNKNOWN_PARAMETER
        else fault["msg"].removeprefix("Value error, ")
    )


def answer_http_error(error: HTTPException) -> Response:
    """Answer an error that Flask raised, with its headers (such as `Allow` for 405)."""
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return answer_unexpected_error(error)
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    kind = FLASK_ERRORS.get(status, RequestError)
    return _answer(status, kind.code, error.description or status.description, headers)


def answer_request_error(error: RequestError) -> Response:
    """Answer a request that is refused."""
    return _answer(error.status, error.code, error.text, error.headers, error.details)


def answer_ingest_error(error: IngestError) -> Response:
    """Answer an error of the domain with the status of its type."""
    status = status_of(type(error))
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return answer_unexpected_error(error)
    if status > HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("%s %r: %s", request.method, request.path, error.text)
    headers = {"Retry-After": str(error.retry_seconds)} if error.retry_seconds else {}
    return _answer(status, error.code, error.text, headers)


def answer_unexpected_error(error: Exception) -> Response:
    """Answer an unexpected error; the traceback goes to the log only."""
    logger.error("%s %r: unexpected %s", request.method, request.path, type(error).__name__, exc_info=error)
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR, INTERNAL_MESSAGE)


def wants_problem() -> bool:
    """Return whether the client names the form of RFC 9457 in `Accept`; `*/*` selects the usual form."""
    return any(kind == PROBLEM_TYPE and quality > 0 for kind, quality in request.accept_mimetypes)


def _answer(
    status: HTTPStatus | TusStatus,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> Response:
    make = _problem if wants_problem() else _error
    response = make(status, code, message, details or {})
    response.status_code = status
    response.headers.update(headers or {})
    return response


def _error(status: HTTPStatus | TusStatus, code: str, message: str, details: Mapping[str, Any]) -> Response:
    return jsonify(status=f"{status.value} {status.phrase}", code=code, message=message, **details)


def _problem(status: HTTPStatus | TusStatus, code: str, message: str, details: Mapping[str, Any]) -> Response:
    """Return an error in the form of RFC 9457; the type is an address that explains the code."""
    title = advice_on(code).explanation or status.phrase
    problem = {"type": f"/errors/{code}", "title": title, "detail": message, "code": code}
    response = jsonify({**problem, **details, "status": status.value})
    response.content_type = PROBLEM_TYPE
    response.vary.add("Accept")
    return response
