"""Parses the answers on one connection that carries several requests at a time.

Used by `ingest.services.pipeline`. httptools does the parsing, in C: the parser of Python's `http.client` takes longer than
ArchiveInterface needs for a small file.
"""

import io
from collections import deque

import httptools
import urllib3

from ingest.services.answer import DOCUMENT_LIMIT

# Interim answers (1xx) are followed by the answer itself.
FIRST_FINAL_STATUS = 200
# The statuses whose answers have no body, whatever their headers say.
WITHOUT_BODY = (204, 304)


class AnswerParser:
    """Collects the answers of one connection in `answers`, in the order of the requests.

    `is_last`: the service answers nothing after the answers so far, and closes the connection.
    """

    def __init__(self) -> None:
        self.answers: deque[urllib3.BaseHTTPResponse] = deque()
        self.is_last = False
        self._methods: deque[str] = deque()
        self._parser = httptools.HttpResponseParser(self)
        self.on_message_begin()

    def expect(self, method: str) -> None:
        """Expect the answer to a request with this method after all others."""
        self._methods.append(method)

    def feed(self, data: bytes) -> None:
        """Parse received bytes; raises httptools.HttpParserError if they are no HTTP."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            # Bytes after the last answer have no meaning.
            if not self.is_last:
                raise

    def on_message_begin(self) -> None:
        """Begin an answer; called by httptools, as the other methods below."""
        self._reason, self._headers, self._body = b"", urllib3.HTTPHeaderDict(), bytearray()

    def on_status(self, reason: bytes) -> None:
        """Take the reason that follows the status."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers.add(name.decode("latin-1"), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """End an answer to HEAD here: its `Content-Length` describes a body that is not sent, which httptools expects."""
        status = self._parser.get_status_code()
        is_head = bool(self._methods) and self._methods[0] == "HEAD"
        if is_head and status >= FIRST_FINAL_STATUS and status not in WITHOUT_BODY:
            self._finish()
            self.is_last = True

    def on_body(self, block: bytes) -> None:
        """Take a block of the body, of which only the beginning is kept."""
        self._body += block[: DOCUMENT_LIMIT - len(self._body)]

    def on_message_complete(self) -> None:
        """End an answer."""
        if self.is_last or self._parser.get_status_code() < FIRST_FINAL_STATUS:
            return
        self._finish()
        self.is_last = not self._parser.should_keep_alive()

    def _finish(self) -> None:
        if not self._methods:
            # No request is waiting for it.
            self.is_last = True
            return
        self._methods.popleft()
        self.answers.append(
            urllib3.HTTPResponse(
                io.BytesIO(bytes(self._body)),
                self._headers,
                self._parser.get_status_code(),
                reason=self._reason.decode("latin-1"),
                preload_content=False,
                decode_content=False,
                # The body of a HEAD is not sent, and that of a long answer is cut.
                enforce_content_length=False,
            )
        )
