"""Every error as JSON: `{"status": "404 Not Found", "message": "..."}`, never with a traceback.

Registered by `api.app`; the routes and the domain raise, and here is the one place that knows HTTP's statuses.
"""

import logging
from http import HTTPStatus

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ingest.errors import IngestError, Rejection, TransientError, UnknownJob
from ingest.spool import SpoolFull

logger = logging.getLogger(__name__)

# The first class that an error is an instance of gives its status.
STATUSES: tuple[tuple[type[IngestError], HTTPStatus], ...] = (
    (UnknownJob, HTTPStatus.NOT_FOUND),
    (Rejection, HTTPStatus.BAD_REQUEST),
    (SpoolFull, HTTPStatus.INSUFFICIENT_STORAGE),
    (TransientError, HTTPStatus.SERVICE_UNAVAILABLE),
)
MISTAKE = "the service made a mistake; its log says more"


def register(app: Flask) -> None:
    """Let the application answer every error in JSON."""
    app.register_error_handler(HTTPException, answer_http_error)
    app.register_error_handler(IngestError, answer_ingest_error)
    app.register_error_handler(Exception, answer_mistake)


def answer_http_error(error: HTTPException) -> Response:
    """Answer what Flask or a route raised as an HTTP error, with its headers (`Allow` of a 405)."""
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    response = _answer(status, error.description or status.description)
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            response.headers[name] = value
    return response


def answer_ingest_error(error: IngestError) -> Response:
    """Answer an error of the domain with the status of its type."""
    for kind, status in STATUSES:
        if isinstance(error, kind):
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                logger.warning("%s %s: %s", request.method, request.path, error.text)
            return _answer(status, error.text)
    return answer_mistake(error)


def answer_mistake(error: Exception) -> Response:
    """Answer an error that nobody expected; the traceback goes to the log only."""
    logger.error("%s %s: unexpected %s", request.method, request.path, type(error).__name__, exc_info=error)
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, MISTAKE)


def _answer(status: HTTPStatus, message: str) -> Response:
    response = jsonify(status=f"{status.value} {status.phrase}", message=message)
    response.status_code = status
    return response
