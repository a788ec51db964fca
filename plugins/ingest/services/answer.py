"""An answer of a Pacifica service, read no further than it makes sense.

Made by `http_client`, read by the four clients. All four services report errors alike: a JSON object whose `traceback`
ends with the exception, with `message` as the text for people, both escaped for HTML.
"""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import urllib3

from ingest.system import sanitize

DOCUMENT_LIMIT = 1024 * 1024
TEXT_LIMIT = 1000
# The lines of the call stack are indented; the first that is not names the exception, and its text goes to the end.
EXCEPTION_LINE = re.compile(r"^(?:\w+\.)*(?P<name>\w+)(?=:|$)", re.MULTILINE)


class Answer:
    """What a service answered; the body is on the wire still and is gone when `HttpClient.request` is left."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response
        self._document: dict[str, Any] | None = None
        self.status = response.status
        self.headers = response.headers

    def read(self, amount: int) -> bytes:
        """Give the next block of the body, of at most `amount` bytes; empty at the end."""
        return self._response.read(amount) if amount else b""

    def blocks(self, size: int) -> Iterator[bytes]:
        """Give the body in blocks of at most `size` bytes."""
        while block := self.read(size):
            yield block

    def document(self) -> dict[str, Any]:
        """Give the body, a JSON object; an empty one if it is anything else, or above a megabyte."""
        if self._document is None:
            try:
                found = json.loads(self.read(DOCUMENT_LIMIT))
            except ValueError:
                found = None
            self._document = found if isinstance(found, dict) else {}
        return self._document

    def message(self) -> str:
        """Give the service's own reason in one line, else the status."""
        return to_one_line(self.document().get("message") or f"{self.status} {self._response.reason or ''}")

    def exception(self) -> tuple[str, str]:
        """Give the name of the exception that the service died of, without its module, and its text in one line.

        Both are empty when the answer holds no traceback.
        """
        traceback = html.unescape(str(self.document().get("traceback") or ""))
        _, _, last = traceback.rpartition("Traceback (most recent call last):\n")
        found = EXCEPTION_LINE.search(last)
        return (found["name"], to_one_line(last[found.start("name") :])) if found else ("", "")

    def failure_text(self) -> str:
        """Give the status and the most telling reason, in one line."""
        _, text = self.exception()
        return to_one_line(f"it answered {self.status} {self._response.reason or ''}: {text or self.message()}")


def to_one_line(text: object) -> str:
    """Give a text of a service without markup and line ends, cut at a length that a person reads."""
    return sanitize.to_one_line(html.unescape(str(text)))[:TEXT_LIMIT]
