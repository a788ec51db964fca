"""Answers to requests that are not valid HTTP and never reach the application, in the form of all other errors.

Called by `api.serving.worker`; gunicorn itself would answer in HTML.
"""

import json
from http import HTTPStatus

from gunicorn.glogging import Logger
from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    InvalidHeader,
    InvalidHeaderName,
    InvalidHTTPVersion,
    InvalidRequestLine,
    InvalidRequestMethod,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ObsoleteFolding,
    ParseException,
    UnsupportedTransferCoding,
)

from api.answer_headers import ALWAYS
from api.error_handlers import INTERNAL_MESSAGE
from api.request_errors import (
    AddressTooLong,
    HeadersTooLarge,
    RequestError,
    TusStatus,
    UnsupportedCoding,
    UnsupportedExpectation,
)
from ingest.errors.types import INTERNAL_ERROR

REFUSALS: tuple[tuple[type[Exception], type[RequestError]], ...] = (
    (LimitRequestLine, AddressTooLong),
    (LimitRequestHeaders, HeadersTooLarge),
    (UnsupportedTransferCoding, UnsupportedCoding),
    (ExpectationFailed, UnsupportedExpectation),
    (ParseException, RequestError),
)
# How to fix the request; gunicorn's messages only say what is wrong.
ADVICE: dict[type[Exception], str] = {
    InvalidRequestLine: "begin with METHOD /path HTTP/1.1",
    InvalidRequestMethod: "send a method in capitals, such as GET or POST",
    InvalidHTTPVersion: "use HTTP/1.1",
    InvalidHeader: "send each header once, as Name: value on a line of its own, without control characters",
    InvalidHeaderName: "a name consists of letters, digits and hyphens, followed by a colon",
    ObsoleteFolding: "send each header on one line",
    LimitRequestLine: "send a shorter address",
    LimitRequestHeaders: "send fewer or shorter headers",
    ExpectationFailed: "leave Expect out, or send 100-continue",
    UnsupportedTransferCoding: "send the body in chunks only, or with a Content-Length",
}
# Errors of gunicorn that the request did not cause.
SERVER_ERRORS = (ConfigurationProblem, InvalidResponseHeader, InvalidResponseHeaderName)


def refusal(error: Exception) -> RequestError | None:
    """Return the error of a request; None for an internal error of the server."""
    if isinstance(error, SERVER_ERRORS):
        return None
    if isinstance(error, RequestError):
        return error
    return next((refused(_text(error)) for kind, refused in REFUSALS if isinstance(error, kind)), None)


def _text(error: Exception) -> str:
    advice = ADVICE.get(type(error))
    return f"{error}; {advice}" if advice else str(error)


def answer_to(error: Exception, log: Logger) -> bytes:
    """Return the answer to a request that caused an error; an internal error of the server is logged."""
    refused = refusal(error)
    if refused is not None:
        return answer(refused.status, refused.code, refused.text)
    log.exception("unexpected %s", type(error).__name__)
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR, INTERNAL_MESSAGE)


def answer(status: HTTPStatus | TusStatus, code: str, message: str) -> bytes:
    """Return a complete answer, which ends the connection."""
    document = {"code": code, "message": message, "status": f"{status.value} {status.phrase}"}
    body = json.dumps(document, separators=(",", ":")).encode() + b"\n"
    headers = {"Connection": "close", "Content-Type": "application/json", "Content-Length": str(len(body)), **ALWAYS}
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, "\r\n")).encode() + body
