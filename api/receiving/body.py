"""The body of a request as a stream that raises an error when it ends too early.

Used by `api.routes.bundles`. While a body is read, each WSGI server raises other exceptions, which look like a disk error
(`OSError`); here they become errors of the request.
"""

from flask import request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from api.receiving.content_headers import refuse_content_encoding, refuse_part
from api.receiving.upload_errors import BundleTooLarge, LengthRequired, UploadTooSlow
from api.request_errors import RequestError, UnsupportedCoding
from api.serving.client_socket import ClientSocket
from api.serving.pace import Pace, slowest_rate
from ingest.errors.types import IncompleteBody
from ingest.settings.loading import Settings
from ingest.spool import refuse_empty

# Set by gunicorn only. The other servers cannot distinguish a chunked body that was cut off from a complete one.
GUNICORN_SOCKET = "gunicorn.socket"


class Body:
    """The body of the current request: read in blocks, never parsed as a form, never in memory as a whole."""

    def __init__(self, settings: Settings, largest: int, too_large: type[RequestError] = BundleTooLarge) -> None:
        """Check the headers; `largest` is in bytes, `too_large` is raised for a larger body.

        Raises LengthRequired, IncompleteBody for an empty body, UnsupportedCoding, UnsupportedContentEncoding, PartNotTaken.
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
        """Return at most `size` bytes; raises IncompleteBody, UploadTooSlow, and `too_large`."""
        try:
            # At most one byte beyond the limit: the end of a body in chunks is unknown until it is read.
            block = request.stream.read(min(size, self._largest - self._received + 1))
        except TimeoutError as error:
            raise UploadTooSlow(self._pace.too_slow_message) from error
        except (OSError, ParseException, ClientDisconnected) as error:
            raise IncompleteBody("the body ended too early, or its chunks are malformed") from error
        self._received += len(block)
        self._refuse_too_large(self._received)
        return block

    def _refuse_too_large(self, size: int) -> None:
        if size > self._largest:
            raise self._too_large(f"the limit is {self._largest} bytes")


def announced_size() -> int | None:
    """Return the Content-Length in bytes, or None for a chunked body.

    Raises LengthRequired, UnsupportedCoding, IncompleteBody for an empty body.
    """
    coding = request.headers.get("Transfer-Encoding", "").strip().lower()
    if coding == "chunked":
        if GUNICORN_SOCKET not in request.environ:
            raise LengthRequired("this server does not support bodies in chunks; send a Content-Length")
        return None
    if coding:
        raise UnsupportedCoding(f"Transfer-Encoding {coding} is not supported; use chunked")
    if request.content_length is None:
        raise LengthRequired("send a Content-Length, or the body in chunks")
    refuse_empty(request.content_length)
    return request.content_length
