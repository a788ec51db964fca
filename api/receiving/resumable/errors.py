"""The errors of resumable uploads. Raised by `api.receiving.resumable` and `api.routes`."""

from http import HTTPStatus

from api.request_errors import RequestError, TusStatus

TUS_VERSION = "1.0.0"
PROBLEM = "https://iana.org/assignments/http-problem-types#"


class UploadUnknown(RequestError):
    """The caller has no upload at this address, or it has expired."""

    code = "upload_unknown"
    status = HTTPStatus.NOT_FOUND


class UploadHeaderInvalid(RequestError):
    """A header that describes the upload is missing or malformed."""

    code = "upload_header_invalid"


class UploadLengthInconsistent(RequestError):
    """The bytes and the headers of the request contradict the length of the upload."""

    code = "upload_length_inconsistent"

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.details = {"type": PROBLEM + "inconsistent-upload-length"}


class UploadOffsetMismatch(RequestError):
    """The request does not continue where the stored part of the upload ends."""

    code = "upload_offset_mismatch"
    status = HTTPStatus.CONFLICT

    def __init__(self, stored: int, sent: int) -> None:
        super().__init__(
            f"the upload continues at byte {stored}, not at {sent}: ask for its offset with HEAD, and send from there",
            {"Upload-Offset": str(stored)},
        )
        self.details = {
            "type": PROBLEM + "mismatching-upload-offset",
            "expected-offset": stored,
            "provided-offset": sent,
        }


class UploadSuperseded(RequestError):
    """A newer request continues the upload."""

    code = "upload_superseded"
    status = HTTPStatus.CONFLICT


class UploadHasJob(RequestError):
    """The upload is complete and cannot be removed any more."""

    code = "upload_has_job"
    status = HTTPStatus.CONFLICT


class TusVersionUnsupported(RequestError):
    """The request does not name the supported version of tus."""

    code = "tus_version_unsupported"
    status = HTTPStatus.PRECONDITION_FAILED

    def __init__(self) -> None:
        super().__init__(f"send the header Tus-Resumable: {TUS_VERSION}", {"Tus-Version": TUS_VERSION})


class UploadLocked(RequestError):
    """Another request on the same upload does not end."""

    code = "upload_locked"
    status = HTTPStatus.LOCKED
    retry_seconds = 5

    def __init__(self) -> None:
        super().__init__(
            "another request on this upload is still in progress; try again later",
            {"Retry-After": str(self.retry_seconds)},
        )


class UploadStalled(RequestError):
    """A part stalled or was slower than the slowest permitted rate; what has arrived is kept.

    Not 408: the clients of tus and of the draft continue after 5xx, and give up after most 4xx.
    """

    code = "upload_stalled"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_seconds = 1

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}; ask for the offset of the upload with HEAD and continue there, or create it again if you do not "
            "know its address",
            {"Retry-After": str(self.retry_seconds)},
        )


class ChecksumMismatch(RequestError):
    """The bytes of the request do not have its checksum; none of them is kept."""

    code = "checksum_mismatch"
    status = TusStatus.CHECKSUM_MISMATCH
