"""The body of a request as a stream that says so when it ends too early.

Used by `api.routes.bundles`. What a WSGI server raises while a body is read differs from server to server and looks
like a fault of the disk (`OSError`); here it becomes an error of the request.
"""

import re
from typing import BinaryIO

from flask import request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from api.receiving.upload_errors import (
    BundleTooLarge,
    LengthRequired,
    PartNotTaken,
    UnsupportedContentEncoding,
    UnsupportedContentType,
    UploadTooSlow,
)
from api.request_errors import RequestError, UnsupportedCoding
from api.serving.client_socket import ClientSocket
from api.serving.pace import Pace, slowest_rate
from ingest.settings.loading import Settings
from ingest.spool import IncompleteBody

# Under gunicorn alone. Of the other servers, none tells a chunked body that was cut or broken from one that has ended.
GUNICORN_SOCKET = "gunicorn.socket"
MULTIPART = "multipart/"
# How a client marks a part of a body (RFC 9110, 14.4; the drafts and protocols of resumable uploads), and what each header
# says of a body that is whole.
PART_HEADERS = {
    "Content-Range": frozenset[str](),
    "Upload-Offset": frozenset({"0"}),
    "Upload-Complete": frozenset({"?1"}),
    "Upload-Incomplete": frozenset({"?0"}),
}
URL_ENCODED = "application/x-www-form-urlencoded"
# What a URL-encoded form is made of (WHATWG URL, 5.2); no tar begins like this.
URL_ENCODED_BODY = re.compile(rb"[!-~]+=[!-~]*\s*")
BEGINNING = 512
# The first two are what the original took as JSON.
JSON_TYPES = frozenset({"application/json", "text/javascript", "text/json"})


class Body:
    """The body of the current request: read in blocks, never parsed as a form, never held whole."""

    def __init__(self, settings: Settings, largest: int, too_large: type[RequestError] = BundleTooLarge) -> None:
        """Check what the headers say; `largest` is in bytes, `too_large` is raised when it is more.

        Raises LengthRequired, IncompleteBody when it is empty, UnsupportedCoding, UnsupportedContentEncoding, PartNotTaken.
        """
        refuse_part()
        refuse_content_encoding()
        self.announced_size = announced_size()
        self._largest = largest
        self._too_large = too_large
        self._received = 0
        self._refuse_too_large(self.announced_size or 0)
        self._pace = Pace(settings.receive_timeout, slowest_rate(settings, self.announced_size or 0))
        connection = request.environ.get(GUNICORN_SOCKET)
        if isinstance(connection, ClientSocket):
            connection.pace = self._pace

    def read(self, size: int, /) -> bytes | bytearray:
        """Give at most `size` bytes; raises IncompleteBody, UploadTooSlow, and `too_large`."""
        try:
            # Not beyond the first byte that is too many: in chunks, nobody knows whether another one comes.
            block = request.stream.read(min(size, self._largest - self._received + 1))
        except TimeoutError as error:
            raise UploadTooSlow(self._pace.broken) from error
        except (OSError, ParseException, ClientDisconnected) as error:
            raise IncompleteBody("the body ended too early, or its chunks are broken") from error
        self._received += len(block)
        self._refuse_too_large(self._received)
        return block

    def _refuse_too_large(self, size: int) -> None:
        if size > self._largest:
            raise self._too_large(f"at most {self._largest} bytes are taken here")


def announced_size() -> int | None:
    """Give the Content-Length in bytes, or None of a chunked body; raises what is wrong with all else."""
    coding = request.headers.get("Transfer-Encoding", "").strip().lower()
    if coding == "chunked":
        if GUNICORN_SOCKET not in request.environ:
            raise LengthRequired("this server does not hand over bodies in chunks; send a Content-Length")
        return None
    if coding:
        raise UnsupportedCoding(f"Transfer-Encoding {coding} is not taken, only chunked")
    if request.content_length is None:
        raise LengthRequired("send a Content-Length, or the body in chunks")
    if request.content_length == 0:
        raise IncompleteBody("nothing was sent")
    return request.content_length


def refuse_part() -> None:
    """Raise PartNotTaken when a header says that the body is a part of a larger one."""
    for header, of_a_whole in PART_HEADERS.items():
        value = request.headers.get(header)
        if value is not None and value.strip() not in of_a_whole:
            raise PartNotTaken(f"a part of a body is not taken; send the whole file in one request, without {header}")


def refuse_content_encoding() -> None:
    """Raise UnsupportedContentEncoding when the body is said to be compressed, or encoded in another way."""
    codings = request.headers.get("Content-Encoding", "").lower().split(",")
    found = [coding for each in codings if (coding := each.strip()) not in {"", "identity"}]
    if found:
        raise UnsupportedContentEncoding(f"send the file as it is, without Content-Encoding {', '.join(found)}")


def refuse_multipart() -> None:
    """Raise UnsupportedContentType when the bundle is said to be wrapped in a form, or in another multipart body."""
    if request.mimetype.startswith(MULTIPART):
        raise UnsupportedContentType(f"send the tar itself as the body, not as {request.mimetype}")


def refuse_url_encoded(file: BinaryIO) -> None:
    """Raise UnsupportedContentType when the body is said to be a URL-encoded form, and looks like one.

    Looked at, because `curl --data-binary @bundle.tar` says so of every body.
    """
    if request.mimetype == URL_ENCODED and URL_ENCODED_BODY.fullmatch(file.read(BEGINNING)):
        raise UnsupportedContentType(f"send the tar itself as the body, not as {URL_ENCODED}")


def refuse_all_but_json() -> None:
    """Raise UnsupportedContentType when the body is not said to be JSON."""
    if request.mimetype not in JSON_TYPES:
        raise UnsupportedContentType("send the document as application/json")
