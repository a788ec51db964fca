"""tus 1.0.0 with the extensions creation, creation-with-upload, creation-defer-length, checksum, expiration, termination.

https://tus.io/protocols/resumable-upload. Used by `api.routes.uploads` for requests with `Tus-Resumable`.
"""

import base64
import binascii
import re
from datetime import datetime
from http import HTTPStatus

from flask import request

from api.receiving.resumable import checksum
from api.receiving.resumable.errors import TUS_VERSION, TusVersionUnsupported, UploadHeaderInvalid
from api.receiving.resumable.headers import Part, number, refuse_other_protocols, required_number
from api.receiving.upload_errors import UnsupportedContentType
from ingest.ledger.upload_progress import UploadSnapshot
from ingest.settings.loading import Settings

CONTENT_TYPE = "application/offset+octet-stream"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination"
# A key in ASCII without spaces and commas, and a value in base64.
METADATA_PAIR = re.compile(r"(?P<key>[!-+\--~]+)(?: (?P<value>[A-Za-z0-9+/]*={0,2}))?")
# In bytes. Other servers accept as much in one header, and names of files need far less.
LARGEST_METADATA = 4096


class Tus:
    """How a client of tus describes an upload, and what it reads in the answers."""

    offset_status = HTTPStatus.OK
    # A client of tus expects 204 from every PATCH, and 201 from every creation.
    answers_state = False

    def creation(self) -> Part:
        """Read the headers of a creation; raises TusVersionUnsupported, UploadHeaderInvalid, UnsupportedContentType."""
        _check_version()
        refuse_other_protocols()
        length, deferred = number("Upload-Length"), request.headers.get("Upload-Defer-Length")
        if (length is None) != (deferred == "1"):
            raise UploadHeaderInvalid("send either Upload-Length or Upload-Defer-Length: 1")
        if request.content_length or "Transfer-Encoding" in request.headers:
            _check_content_type()
        return Part(length=length, checksums=checksum.checksums(), metadata=_metadata())

    def continuation(self) -> Part:
        """Read the headers of a PATCH; raises as `creation`."""
        _check_version()
        refuse_other_protocols()
        _check_content_type()
        return Part(required_number("Upload-Offset"), number("Upload-Length"), checksums=checksum.checksums())

    def check(self) -> None:
        """Check the headers of any other request; raises TusVersionUnsupported."""
        _check_version()

    def headers(self, upload: UploadSnapshot, _settings: Settings, _expires: datetime) -> dict[str, str]:
        """Return the headers that describe an upload."""
        length = {"Upload-Defer-Length": "1"} if upload.length is None else {"Upload-Length": str(upload.length)}
        return {"Tus-Resumable": TUS_VERSION, "Upload-Offset": str(upload.offset), **length}

    def metadata(self, upload: UploadSnapshot) -> dict[str, str]:
        """Return the metadata that the client sent with the creation, for answers that describe an upload."""
        return {} if upload.declared.metadata is None else {"Upload-Metadata": upload.declared.metadata}


def options(settings: Settings) -> dict[str, str]:
    """Return the headers that describe what is supported."""
    return {
        "Tus-Resumable": TUS_VERSION,
        "Tus-Version": TUS_VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(settings.largest_bundle),
        "Tus-Checksum-Algorithm": ",".join(checksum.ALGORITHMS),
    }


def is_tus() -> bool:
    """Return whether the current request speaks tus."""
    return "Tus-Resumable" in request.headers


def _check_version() -> None:
    if request.headers.get("Tus-Resumable", "").strip() != TUS_VERSION:
        raise TusVersionUnsupported


def _check_content_type() -> None:
    if request.mimetype != CONTENT_TYPE:
        raise UnsupportedContentType(f"send the bytes of the bundle as {CONTENT_TYPE}")


def _metadata() -> str | None:
    """Return Upload-Metadata, checked; the metadata of a bundle is in the bundle, so its pairs have no other effect."""
    header = request.headers.get("Upload-Metadata", "").strip()
    if len(header) > LARGEST_METADATA:
        raise UploadHeaderInvalid(f"Upload-Metadata has {len(header)} bytes; the limit is {LARGEST_METADATA}")
    keys = [_key_of(pair.strip()) for pair in header.split(",")] if header else []
    if None in keys or len(set(keys)) < len(keys):
        raise UploadHeaderInvalid(
            "Upload-Metadata must be pairs of a key and a value in base64, with commas between; each key in ASCII, and once"
        )
    return header or None


def _key_of(pair: str) -> str | None:
    """Return the key of a pair; None if the pair is malformed."""
    found = METADATA_PAIR.fullmatch(pair)
    try:
        base64.b64decode((found and found["value"]) or "", validate=True)
    except binascii.Error:
        return None
    return found["key"] if found else None
