"""The IETF draft "Resumable Uploads for HTTP" (draft-ietf-httpbis-resumable-upload-12, interop version 8).

Used by `api.routes.bundles` for `POST /ingest` and `POST /upload` with `Upload-Complete`, and by `api.routes.uploads` for
requests without `Tus-Resumable`. The client learns the address of the upload from the answer 201 ("careful creation"). Only
a client that names the interop version gets it earlier, in an answer 104: other clients may take a 104 for the last answer.
"""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from flask import request

from api.receiving.resumable.checksum import checksums
from api.receiving.resumable.errors import UploadHeaderInvalid, UploadLengthInconsistent
from api.receiving.resumable.headers import Part, number, refuse_other_protocols, required_number
from api.receiving.upload_errors import UnsupportedContentType
from ingest.ledger.upload_expiry import unstarted
from ingest.ledger.upload_progress import UploadSnapshot
from ingest.settings.loading import Settings

COMPLETE = "Upload-Complete"
INTEROP_HEADER = "Upload-Draft-Interop-Version"
INTEROP_VERSION = "8"
CONTENT_TYPE = "application/partial-upload"
BOOLEANS = {"?0": False, "?1": True}


class Draft:
    """How a client of the draft describes an upload, and what it reads in the answers."""

    offset_status = HTTPStatus.NO_CONTENT
    # The last request is answered as a bundle in one request.
    answers_state = True

    def creation(self) -> Part:
        """Read the headers of a creation; raises UploadHeaderInvalid, UploadLengthInconsistent."""
        refuse_other_protocols()
        is_last = _is_last()
        return Part(length=_length(0, is_last), is_last=is_last, checksums=checksums())

    def continuation(self) -> Part:
        """Read the headers of a PATCH; raises as `creation`, and UnsupportedContentType."""
        refuse_other_protocols()
        if request.mimetype != CONTENT_TYPE:
            raise UnsupportedContentType(f"send the bytes of the bundle as {CONTENT_TYPE}")
        is_last, offset = _is_last(), required_number("Upload-Offset")
        return Part(offset, _length(offset, is_last), is_last=is_last, checksums=checksums())

    def check(self) -> None:
        """Check the headers of any other request, which has none of its own."""

    def headers(self, upload: UploadSnapshot, settings: Settings, expires: datetime) -> dict[str, str]:
        """Return the headers that describe an upload."""
        length = {} if upload.length is None else {"Upload-Length": str(upload.length)}
        return {
            COMPLETE: "?1" if upload.has_job else "?0",
            "Upload-Offset": str(upload.offset),
            **length,
            **_limits(settings, max(0, int((expires - datetime.now(UTC)).total_seconds()))),
        }

    def metadata(self, _upload: UploadSnapshot) -> dict[str, str]:
        """Return nothing: the draft has no metadata of an upload."""
        return {}


def options(settings: Settings) -> dict[str, str]:
    """Return the headers that describe what is supported."""
    return {"Accept-Patch": CONTENT_TYPE, **limits(settings)}


def limits(settings: Settings) -> dict[str, str]:
    """Return the header that describes the limits of a new upload."""
    return _limits(settings, int(unstarted(timedelta(hours=settings.keep_partial_hours)).total_seconds()))


def is_creation() -> bool:
    """Return whether the current POST of a bundle creates an upload resource.

    A whole bundle needs none, because a client without the interop version does not learn its address in time.
    """
    value = request.headers.get(COMPLETE, "").strip()
    return value == "?0" or (value == "?1" and wants_address_early())


def headers_of_whole(size: int) -> dict[str, str]:
    """Return the headers that a client of the draft expects after a bundle in one request; none for other clients.

    Without them tus-js-client sends the bundle again, which would be another job.
    """
    if COMPLETE not in request.headers:
        return {}
    return {COMPLETE: "?1", "Upload-Offset": str(size)}


def wants_address_early() -> bool:
    """Return whether the client understands an answer 104."""
    return request.headers.get(INTEROP_HEADER, "").strip() == INTEROP_VERSION


def _limits(settings: Settings, seconds: int) -> dict[str, str]:
    return {"Upload-Limit": f"max-size={settings.largest_bundle}, max-age={seconds}"}


def _is_last() -> bool | None:
    """Return whether the bundle ends with the body; None if it ends at its length.

    tus-js-client, which speaks an earlier draft, sends `?0` with the last bytes of a file and takes the upload as complete.
    """
    value = request.headers.get(COMPLETE, "").strip()
    if value not in BOOLEANS:
        raise UploadHeaderInvalid(f"send {COMPLETE}: ?1 with the last bytes of the bundle, and ?0 before")
    is_of_earlier_draft = request.headers.get(INTEROP_HEADER, INTEROP_VERSION).strip() != INTEROP_VERSION
    return BOOLEANS[value] or (None if is_of_earlier_draft else False)


def _length(offset: int, is_last: bool | None) -> int | None:
    """Return the length that the headers state, alone or together."""
    stated = number("Upload-Length")
    if not is_last or request.content_length is None:
        return stated
    end = offset + request.content_length
    if stated is not None and stated != end:
        raise UploadLengthInconsistent(f"Upload-Length is {stated}, but the last byte of the bundle would be at {end}")
    return end
