"""What is no HTTP: the answers to requests that never reach the application, in the form of all other errors.

Called by `api.serving.worker`; gunicorn itself would answer in HTML.
"""

import json
from http import HTTPStatus

from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

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
OURS = (ConfigurationProblem, InvalidResponseHeader, InvalidResponseHeaderName)


def refusal(error: Exception) -> RequestError | None:
    """Give what is wrong with the request; None when the mistake is ours."""
    if isinstance(error, OURS):
        return None
    return next((refused(str(error)) for kind, refused in REFUSALS if isinstance(error, kind)), None)


def answer(status: HTTPStatus, code: str, message: str) -> bytes:
    """Give a whole answer, after which the connection ends."""
    document = {"code": code, "message": message, "status": f"{status.value} {status.phrase}"}
    body = json.dumps(document, separators=(",", ":")).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
