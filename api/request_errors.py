"""The errors of requests, as types with a stable code and an HTTP status.

    RequestError                     400  the request is malformed or cannot be accepted
     ├── InvalidJobId                400
     ├── ParametersInvalid           400
     ├── LengthInvalid               400
     ├── PartNotTaken                400
     ├── DigestInvalid               400
     ├── DigestMismatch              400
     ├── IdempotencyKeyInvalid       400
     ├── UploadHeaderInvalid         400
     ├── UploadLengthInconsistent    400
     ├── HostInvalid                 400
     ├── UserNameInvalid             400
     ├── NotAuthenticated            401
     ├── TokenInvalid                401
     ├── NotTrusted                  403
     ├── NotAllowed                  403
     ├── CrossSite                   403
     ├── MoveNotAllowed              403
     ├── NotFound                    404
     ├── UploadUnknown               404
     ├── ReceiptsNotConfigured       404
     ├── MethodNotAllowed            405
     ├── UploadTooSlow               408
     ├── ReceiptNotAvailable         409
     ├── UploadHasJob                409
     ├── UploadOffsetMismatch        409
     ├── UploadSuperseded            409
     ├── LengthRequired              411
     ├── TusVersionUnsupported       412
     ├── BundleTooLarge              413
     ├── DocumentTooLarge            413
     ├── AddressTooLong              414
     ├── UnsupportedContentType      415
     ├── UnsupportedContentEncoding  415
     ├── UnsupportedExpectation      417
     ├── HostNotAllowed              421
     ├── IdempotencyKeyReused        422
     ├── UploadLocked                423
     ├── HeadersTooLarge             431
     ├── ChecksumMismatch            460
     ├── UnsupportedCoding           501
     ├── NotReady                    503
     ├── ReceiptsUnavailable         503
     ├── TokensUnavailable           503
     ├── TooManyDownloads            503
     ├── TooManyUploads              503
     └── UploadStalled               503

This module defines the errors that any request can cause; those of authentication are in `api.access.access_errors`, those
of uploads in `api.receiving.upload_errors` and `api.receiving.resumable.errors`. `api.error_handlers` turns them into
answers. Errors of the domain keep their types (`ingest.errors.types`).
"""

from collections.abc import Mapping
from enum import IntEnum
from http import HTTPStatus
from typing import Any

from ingest.errors.types import IngestError


class TusStatus(IntEnum):
    """The status that tus 1.0.0 adds to those of HTTP."""

    CHECKSUM_MISMATCH = 460

    @property
    def phrase(self) -> str:
        """The words of the status line."""
        return "Checksum Mismatch"


class RequestError(IngestError):
    """The request is refused; the text says what to fix.

    `status`, `headers` and `details` (further keys of the JSON document) are those of the answer.
    """

    code = "bad_request"
    status: HTTPStatus | TusStatus = HTTPStatus.BAD_REQUEST

    def __init__(self, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.headers = dict(headers or {})
        self.details: Mapping[str, Any] = {}


class NotFound(RequestError):
    """No such address."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND


class MethodNotAllowed(RequestError):
    """The address does not support this method."""

    code = "method_not_allowed"
    status = HTTPStatus.METHOD_NOT_ALLOWED


class InvalidJobId(RequestError):
    """The job id is missing or is not an integer."""

    code = "job_id_invalid"


class ParametersInvalid(RequestError):
    """Some parameters of the address are malformed; the text names each."""

    code = "parameters_invalid"

    def __init__(self, reasons: Mapping[str, str]) -> None:
        """`reasons` says for each parameter what is wrong."""
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in reasons.items()))


class LengthInvalid(RequestError):
    """The length of the body is malformed or given twice (not a number, a length beside chunks, chunks in HTTP/1.0)."""

    code = "length_invalid"


class AddressTooLong(RequestError):
    """The first line of the request is too long."""

    code = "address_too_long"
    status = HTTPStatus.REQUEST_URI_TOO_LONG


class HeadersTooLarge(RequestError):
    """The headers of the request are too many or too large."""

    code = "headers_too_large"
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class UnsupportedExpectation(RequestError):
    """The `Expect` header names an unknown expectation."""

    code = "expectation_unsupported"
    status = HTTPStatus.EXPECTATION_FAILED


class UnsupportedCoding(RequestError):
    """The `Transfer-Encoding` of the body is not supported."""

    code = "transfer_coding_unsupported"
    status = HTTPStatus.NOT_IMPLEMENTED


class ReceiptNotAvailable(RequestError):
    """The job has no receipt, because it is not cataloged or was received by the original service."""

    code = "receipt_not_available"
    status = HTTPStatus.CONFLICT


class ReceiptsNotConfigured(RequestError):
    """The service has no key to sign receipts with."""

    code = "receipts_not_configured"
    status = HTTPStatus.NOT_FOUND


class ReceiptsUnavailable(RequestError):
    """The keys of receipts cannot be read now."""

    code = "receipts_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class TooManyDownloads(RequestError):
    """Other long answers are being sent; few are sent simultaneously."""

    code = "too_many_downloads"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class NotReady(RequestError):
    """The database or the spool is unavailable; uploads would be refused."""

    code = "not_ready"
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, text: str, details: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        super().__init__(text, headers)
        self.details = details
