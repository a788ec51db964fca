"""gunicorn's parser of requests, with this service's rules for bodies. Used by `api.serving.worker`.

This depends on gunicorn's internals, so its version is pinned; `tests/api/serving/test_limits.py` fails with another.
"""

from gunicorn.http.body import Body, LengthReader
from gunicorn.http.message import Request as GunicornRequest
from gunicorn.http.parser import RequestParser as GunicornParser

from api.serving.body_length import check_length
from api.serving.request_body import RequestBody


class Request(GunicornRequest):  # type: ignore[misc]
    """A request whose 100 is sent when the body is read, and whose connection ends when the body is not read."""

    _expected_100_continue: bool
    body: Body

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        # gunicorn would send the 100 before the application has checked the headers.
        self.unreader.sock.awaits_continue = self._expected_100_continue
        self._expected_100_continue = False

    def set_body_reader(self) -> None:
        """Choose how the body is read; called by gunicorn after the headers. Raises LengthInvalid, UnsupportedCoding."""
        check_length(self.version, self.headers)
        super().set_body_reader()
        self.body = RequestBody(self.body.reader)

    def should_close(self) -> bool:
        """Return whether the connection ends with this request; called by gunicorn, also for the answer's headers.

        To find the next request, the rest of a body would have to be read at the client's pace.
        """
        return bool(super().should_close()) or self._is_unread()

    def _is_unread(self) -> bool:
        reader = self.body.reader
        return reader.length > 0 if isinstance(reader, LengthReader) else reader.parser is not None


class RequestParser(GunicornParser):  # type: ignore[misc]
    """Parses requests as `Request`."""

    mesg_class = Request
