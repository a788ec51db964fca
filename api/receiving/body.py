"""The body of a request as a stream that raises an error when it ends too early.

Used by `api.routes.bundles` and `api.routes.uploads`. While a body is read, each WSGI server raises other exceptions, which
look like a disk error (`OSError`); here they become errors of the request.
"""

from collections.abc import Callable

from flask import request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from api.receiving.content_headers import refuse_content_encoding
from api.receiving.upload_errors import BundleTooLarge, LengthRequired, UploadTooSlow
from api.request_errors import RequestError, UnsupportedCoding
from api.serving.pace import Pace, slowest_rate
from api.serving.request_client import GUNICORN_SOCKET, client_of
from ingest.errors.types import IncompleteBody
from ingest.settings.loading import Settings
from ingest.spool.receive import refuse_empty


class Body:
    """The body of the current request: read in blocks, never parsed as a form, never in memory as a whole."""

    def __init__(
        self,
        settings: Settings,
        largest: int,
        too_large: type[RequestError] = BundleTooLarge,
        too_slow: type[RequestError] = UploadTooSlow,
        *,
        may_be_empty: bool = False,
    ) -> None:
        """Check the headers; `largest` is in bytes; `too_large` and `too_slow` are raised for other bodies.

        Raises LengthRequired, IncompleteBody for an empty body, UnsupportedCoding, UnsupportedContentEncoding.
        """
        refuse_content_encoding()
        self.announced_size = announced_size(may_be_empty=may_be_empty)
        self._largest = largest
        self._too_large = too_large
        self._too_slow = too_slow
        self.received = 0
        self._refuse_too_large(self.announced_size or 0)
        self._pace = Pace(settings.receive_timeout, slowest_rate(settings, self.announced_size or 0))
        self._check: Callable[[], None] = _pass
        self._connection = client_of(request.environ)
        if self._connection:
            self._connection.pace = self._pace

    def watch(self, check: Callable[[], None]) -> None:
        """Call a function before each block, and every second while the client sends nothing; its errors end the body."""
        self._check = check
        if self._connection:
            self._connection.check = check

    def read(self, size: int, /) -> bytes | bytearray:
        """Return at most `size` bytes; raises IncompleteBody, `too_slow`, `too_large`, and what `watch` raises."""
        self._check()
        try:
            # At most one byte beyond the limit: the end of a body in chunks is unknown until it is read.
            block = request.stream.read(min(size, self._largest - self.received + 1))
        except TimeoutError as error:
            raise self._too_slow(self._pace.too_slow_message) from error
        except (OSError, ParseException, ClientDisconnected) as error:
            raise IncompleteBody("the body ended too early, or its chunks are malformed") from error
        self.received += len(block)
        self._refuse_too_large(self.received)
        return block

    def _refuse_too_large(self, size: int) -> None:
        if size > self._largest:
            raise self._too_large(f"the limit is {self._largest} bytes")


def announced_size(*, may_be_empty: bool = False) -> int | None:
    """Return the Content-Length in bytes, or None for a chunked body.

    Raises UnsupportedCoding, and unless the body may be empty LengthRequired, IncompleteBody.
    """
    coding = request.headers.get("Transfer-Encoding", "").strip().lower()
    if coding == "chunked":
        if GUNICORN_SOCKET not in request.environ:
            raise LengthRequired("this server does not support bodies in chunks; send a Content-Length")
        return None
    if coding:
        raise UnsupportedCoding(f"Transfer-Encoding {coding} is not supported; use chunked")
    if may_be_empty:
        return request.content_length or 0
    if request.content_length is None:
        raise LengthRequired("send a Content-Length, or the body in chunks")
    refuse_empty(request.content_length)
    return request.content_length


def _pass() -> None:
    """Check nothing."""
