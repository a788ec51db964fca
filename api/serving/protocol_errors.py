"""What is no HTTP: the answers to requests that never reach the application, in the form of all other errors.

Called by `api.serving.worker`; gunicorn itself would answer in HTML.
"""

import json
from http import HTTPStatus

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
from api.request_errors import (
    AddressTooLong,
    HeadersTooLarge,
    RequestError,
    UnsupportedCoding,
    UnsupportedExpectation,
)

REFUSALS: tuple[tuple[type[Exception], type[RequestError]], ...] = (
    (LimitRequestLine, AddressTooLong),
    (LimitRequestHeaders, HeadersTooLarge),
    (UnsupportedTransferCoding, UnsupportedCoding),
    (ExpectationFailed, UnsupportedExpectation),
    (ParseException, RequestError),
)
# What to do about it; gunicorn only names what is wrong.
ADVICE: dict[type[Exception], str] = {
    InvalidRequestLine: "begin with METHOD /path HTTP/1.1",
    InvalidRequestMethod: "send a method in capitals, such as GET or POST",
    InvalidHTTPVersion: "use HTTP/1.1",
    InvalidHeader: "send each header once, as Name: value on a line of its own, without control characters",
    InvalidHeaderName: "a name consists of letters, digits and hyphens, and is followed by its colon",
    ObsoleteFolding: "send each header on one line",
    LimitRequestLine: "send a shorter address",
    LimitRequestHeaders: "send fewer or shorter headers",
    ExpectationFailed: "leave Expect out, or send 100-continue",
    UnsupportedTransferCoding: "send the body in chunks alone, or with a Content-Length",
}
OURS = (ConfigurationProblem, InvalidResponseHeader, InvalidResponseHeaderName)


def refusal(error: Exception) -> RequestError | None:
    """Give what is wrong with the request; None when the mistake is ours."""
    if isinstance(error, OURS):
        return None
    if isinstance(error, RequestError):
        return error
    return next((refused(_text(error)) for kind, refused in REFUSALS if isinstance(error, kind)), None)


def _text(error: Exception) -> str:
    advice = ADVICE.get(type(error))
    return f"{error}; {advice}" if advice else str(error)


def answer(status: HTTPStatus, code: str, message: str) -> bytes:
    """Give a whole answer, after which the connection ends."""
    document = {"code": code, "message": message, "status": f"{status.value} {status.phrase}"}
    body = json.dumps(document, separators=(",", ":")).encode() + b"\n"
    headers = {"Connection": "close", "Content-Type": "application/json", "Content-Length": str(len(body)), **ALWAYS}
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, "\r\n")).encode() + body
