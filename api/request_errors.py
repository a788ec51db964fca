"""The errors of requests: what is wrong with one, as a type with a stable code and its HTTP status.

    RequestError                  the request is not as HTTP or the API asks for it
     ├── MoveNotAllowed           403
     ├── NotFound                 404
     ├── MethodNotAllowed         405
     ├── InvalidJobId             400
     ├── LengthInvalid            400
     ├── PartNotTaken             400
     ├── UploadTooSlow            408
     ├── LengthRequired           411
     ├── BundleTooLarge           413
     ├── DocumentTooLarge         413
     ├── AddressTooLong           414
     ├── UnsupportedContentType   415
     ├── UnsupportedContentEncoding 415
     ├── UnsupportedExpectation   417
     ├── HeadersTooLarge          431
     ├── UnsupportedCoding        501
     ├── TooManyUploads           503
     └── NotReady                 503

Raised by the routes and by what they call, answered by `api.error_handlers`. An error of the domain that a request
meets stays what it is (`ingest.errors.types`).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ingest.errors.types import IngestError


class RequestError(IngestError):
    """The request is not taken; `status` and `headers` are those of the answer, the text says what to mend.

    `details` are further keys of the answer.
    """

    code = "bad_request"
    status = HTTPStatus.BAD_REQUEST

    def __init__(self, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.headers = dict(headers or {})
        self.details: Mapping[str, Any] = {}


class NotFound(RequestError):
    """Nothing has this address."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND


class MethodNotAllowed(RequestError):
    """The address is there, but not for this method."""

    code = "method_not_allowed"
    status = HTTPStatus.METHOD_NOT_ALLOWED


class InvalidJobId(RequestError):
    """What should be a job id is no integer."""

    code = "job_id_invalid"


class LengthInvalid(RequestError):
    """The length of the body is malformed or stated twice: no number, a length beside chunks, chunks in HTTP/1.0."""

    code = "length_invalid"


class PartNotTaken(RequestError):
    """The body is a part of something larger."""

    code = "part_not_taken"


class UploadTooSlow(RequestError):
    """The body stands still, or brings less than the slowest upload must."""

    code = "upload_too_slow"
    status = HTTPStatus.REQUEST_TIMEOUT


class LengthRequired(RequestError):
    """Nothing says where the body ends."""

    code = "length_required"
    status = HTTPStatus.LENGTH_REQUIRED


class BundleTooLarge(RequestError):
    """The bundle is larger than the largest one that is taken."""

    code = "bundle_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class DocumentTooLarge(RequestError):
    """The move document is larger than the largest one that is taken."""

    code = "document_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class MoveNotAllowed(RequestError):
    """The document names sources that its user may not move."""

    code = "move_not_allowed"
    status = HTTPStatus.FORBIDDEN


class AddressTooLong(RequestError):
    """The first line of the request is longer than the server reads."""

    code = "address_too_long"
    status = HTTPStatus.REQUEST_URI_TOO_LONG


class HeadersTooLarge(RequestError):
    """The headers of the request are more, or larger, than the server reads."""

    code = "headers_too_large"
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class UnsupportedExpectation(RequestError):
    """The client expects of the server what it does not know."""

    code = "expectation_unsupported"
    status = HTTPStatus.EXPECTATION_FAILED


class UnsupportedContentType(RequestError):
    """The body is not said to be what this address takes."""

    code = "content_type_unsupported"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class UnsupportedContentEncoding(RequestError):
    """The body is compressed or otherwise encoded (`Content-Encoding`)."""

    code = "content_encoding_unsupported"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE

    def __init__(self, text: str) -> None:
        # What would be taken (RFC 9110, 15.5.16).
        super().__init__(text, {"Accept-Encoding": "identity"})


class UnsupportedCoding(RequestError):
    """The body is packed on its way."""

    code = "transfer_coding_unsupported"
    status = HTTPStatus.NOT_IMPLEMENTED


class TooManyUploads(RequestError):
    """As many uploads as are allowed are under way."""

    code = "too_many_uploads"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class NotReady(RequestError):
    """The database or the spool is of no use now, and uploads would be refused."""

    code = "not_ready"
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, text: str, details: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        super().__init__(text, headers)
        self.details = details
