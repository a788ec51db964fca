"""The errors of requests that upload a bundle or a move document. Raised by `api.receiving`."""

from http import HTTPStatus

from api.request_errors import RequestError


class PartNotTaken(RequestError):
    """The body is a part of a larger file."""

    code = "part_not_taken"


class DigestInvalid(RequestError):
    """`Repr-Digest`, `Content-Digest` or `Want-Repr-Digest` is malformed."""

    code = "digest_invalid"


class DigestMismatch(RequestError):
    """The received bytes have another digest than `Repr-Digest` or `Content-Digest` declares."""

    code = "digest_mismatch"


class IdempotencyKeyInvalid(RequestError):
    """`Idempotency-Key` is malformed."""

    code = "idempotency_key_invalid"


class IdempotencyKeyReused(RequestError):
    """The user has sent another body with this `Idempotency-Key`."""

    code = "idempotency_key_reused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class UploadTooSlow(RequestError):
    """The upload stalled or was slower than the slowest permitted rate."""

    code = "upload_too_slow"
    status = HTTPStatus.REQUEST_TIMEOUT

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; send it again over a faster connection")


class LengthRequired(RequestError):
    """The request does not say where the body ends."""

    code = "length_required"
    status = HTTPStatus.LENGTH_REQUIRED


class BundleTooLarge(RequestError):
    """The bundle is larger than the limit."""

    code = "bundle_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class DocumentTooLarge(RequestError):
    """The move document is larger than the limit."""

    code = "document_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class MoveNotAllowed(RequestError):
    """The user may not move some files that the document names."""

    code = "move_not_allowed"
    status = HTTPStatus.FORBIDDEN


class UnsupportedContentType(RequestError):
    """The `Content-Type` is not accepted at this address."""

    code = "content_type_unsupported"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class UnsupportedContentEncoding(RequestError):
    """The body is compressed or otherwise encoded (`Content-Encoding`)."""

    code = "content_encoding_unsupported"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE

    def __init__(self, text: str) -> None:
        # The encoding that would be accepted (RFC 9110, 15.5.16).
        super().__init__(text, {"Accept-Encoding": "identity"})


class TooManyUploads(RequestError):
    """The limit of simultaneous uploads of all users is reached."""

    code = "too_many_uploads"
    status = HTTPStatus.SERVICE_UNAVAILABLE
