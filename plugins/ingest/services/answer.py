"""The answer of a Pacifica service; only the part of its body that is needed is read.

Created by `http_client`, read by the four clients. All four services report errors in the same way: a JSON object whose
`traceback` ends with the exception and whose `message` is the text for people, both escaped for HTML.
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
# The lines of the call stack are indented; the first other line names the exception, whose text extends to the end.
EXCEPTION_LINE = re.compile(r"^(?:\w+\.)*(?P<name>\w+)(?=:|$)", re.MULTILINE)


class Answer:
    """The answer of a service; its body can be read from the connection inside the `with` block of `HttpClient.request`."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response
        self._json_object: dict[str, Any] | None = None
        self.status = response.status
        self.headers = response.headers

    def read(self, amount: int) -> bytes:
        """Return the next block of the body, of at most `amount` bytes; empty at the end."""
        return self._response.read(amount) if amount else b""

    def iter_content(self, size: int) -> Iterator[bytes]:
        """Yield the body in blocks of at most `size` bytes."""
        while block := self.read(size):
            yield block

    def json_object(self) -> dict[str, Any]:
        """Return the body, a JSON object; an empty one if the body is anything else, or larger than a megabyte."""
        if self._json_object is None:
            try:
                found = json.loads(self.read(DOCUMENT_LIMIT))
            except ValueError:
                found = None
            self._json_object = found if isinstance(found, dict) else {}
        return self._json_object

    def error_message(self) -> str:
        """Return the service's error message in one line, or the status without one."""
        return to_one_line(self.json_object().get("message") or f"{self.status} {self._response.reason or ''}")

    def remote_exception(self) -> tuple[str, str]:
        """Return the name of the exception that the service raised, without its module, and its text in one line.

        Both are empty if the answer has no traceback.
        """
        traceback = html.unescape(str(self.json_object().get("traceback") or ""))
        _, _, last = traceback.rpartition("Traceback (most recent call last):\n")
        found = EXCEPTION_LINE.search(last)
        return (found["name"], to_one_line(last[found.start("name") :])) if found else ("", "")

    def failure_text(self) -> str:
        """Return the status and the most specific reason, in one line."""
        _, text = self.remote_exception()
        return to_one_line(f"it answered {self.status} {self._response.reason or ''}: {text or self.error_message()}")


def to_one_line(text: object) -> str:
    """Return a text of a service without markup and line ends, cut to a readable length."""
    return sanitize.to_one_line(html.unescape(str(text)))[:TEXT_LIMIT]
