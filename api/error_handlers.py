"""Every error as JSON: `{"status": "404 Not Found", "code": "not_found", "message": "..."}`, never with a traceback.

Registered by `api.app`; the routes and the domain raise, and here is the one place that gives errors their HTTP answers.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn

from flask import Flask, Response, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from api.request_errors import InvalidJobId, MethodNotAllowed, NotFound, RequestError
from ingest.errors.types import INTERNAL_ERROR, IngestError, Rejection, SpoolFull, TransientError, UnknownJob, UserLimit

logger = logging.getLogger(__name__)

# The first class that an error of the domain is an instance of gives its status.
STATUSES: tuple[tuple[type[IngestError], HTTPStatus], ...] = (
    (UnknownJob, HTTPStatus.NOT_FOUND),
    (Rejection, HTTPStatus.BAD_REQUEST),
    (SpoolFull, HTTPStatus.INSUFFICIENT_STORAGE),
    (UserLimit, HTTPStatus.TOO_MANY_REQUESTS),
    (TransientError, HTTPStatus.SERVICE_UNAVAILABLE),
)
# What Flask itself raises, as errors of ours.
OF_FLASK: dict[int | None, type[RequestError]] = {error.status: error for error in (NotFound, MethodNotAllowed)}
INTERNAL_MESSAGE = "the service made a mistake; its log says more"


def register(app: Flask) -> None:
    """Let the application answer every error in JSON."""
    app.register_error_handler(HTTPException, answer_http_error)
    app.register_error_handler(RequestError, answer_request_error)
    app.register_error_handler(IngestError, answer_ingest_error)
    app.register_error_handler(Exception, answer_mistake)


def status_of(kind: type[IngestError]) -> HTTPStatus:
    """Give the status that errors of a type are answered with."""
    if issubclass(kind, RequestError):
        return kind.status
    statuses = (status for parent, status in STATUSES if issubclass(kind, parent))
    return next(statuses, HTTPStatus.INTERNAL_SERVER_ERROR)


def refuse_parameters(_: ValidationError) -> NoReturn:
    """Called by the library for parameters that do not have their type; raises InvalidJobId, for there is no other."""
    raise InvalidJobId("job_id must be the integer that the upload was answered with")


def answer_http_error(error: HTTPException) -> Response:
    """Answer what Flask raised, with its headers (`Allow` of a 405)."""
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return answer_mistake(error)
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    kind = OF_FLASK.get(status, RequestError)
    return _answer(status, kind.code, error.description or status.description, headers)


def answer_request_error(error: RequestError) -> Response:
    """Answer a request that is not taken."""
    return _answer(error.status, error.code, error.text, error.headers, error.details)


def answer_ingest_error(error: IngestError) -> Response:
    """Answer an error of the domain with the status of its type."""
    status = status_of(type(error))
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return answer_mistake(error)
    if status > HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("%s %r: %s", request.method, request.path, error.text)
    headers = {"Retry-After": str(error.retry_seconds)} if error.retry_seconds else {}
    return _answer(status, error.code, error.text, headers)


def answer_mistake(error: Exception) -> Response:
    """Answer an error that nobody expected; the traceback goes to the log only."""
    logger.error("%s %r: unexpected %s", request.method, request.path, type(error).__name__, exc_info=error)
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR, INTERNAL_MESSAGE)


def _answer(
    status: HTTPStatus,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> Response:
    response = jsonify(status=f"{status.value} {status.phrase}", code=code, message=message, **(details or {}))
    response.status_code = status
    response.headers.update(headers or {})
    return response
