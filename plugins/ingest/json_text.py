r"""The bytes of a JSON document on their way to the parser, which takes more than JSON is (RFC 8259).

yajl takes vertical tabs and form feeds for white space. Half a surrogate pair, such as `\ud800` alone, it makes a question
mark, or another character together with what follows: a name would be kept as one that nobody has written. A text behind
the end of the document that is never closed it does not see. Called by `ingest.bundle_metadata`.
"""

import re
from typing import BinaryIO

NO_WHITE_SPACE = re.compile(rb"[\x0b\x0c]")
# Escapes in their order, so that a backslash is never taken for the beginning of the next; but for usual \u, to be quick.
ESCAPE = re.compile(rb"\\(?:[^u]|u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>u[dD][89a-fA-F]))", re.DOTALL)
LONGEST_ESCAPE = len(rb"\ud83d\ude00")
# White space outside of a text, a fault inside of one.
END = b"\n"


class JsonText:
    """A binary file that is read through a check; raises ValueError at the first block that is no JSON text."""

    def __init__(self, document: BinaryIO) -> None:
        self._document = document
        # What may be the beginning of an escape that goes on in the next block.
        self._rest = b""
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Give up to `size` bytes, all that are left without it; a line's end behind the last one, then b""."""
        block = self._document.read(size)
        if NO_WHITE_SPACE.search(block):
            raise ValueError("a vertical tab or a form feed is no white space")
        self._check_escapes(self._rest + block, goes_on=bool(block))
        if block or size == 0 or self._ended:
            return block
        self._ended = True
        return END

    def _check_escapes(self, text: bytes, *, goes_on: bool) -> None:
        checked = 0
        for escape in ESCAPE.finditer(text):
            if goes_on and escape.start() > len(text) - LONGEST_ESCAPE:
                break
            if escape["half"]:
                raise ValueError(r"a \u escape is half of a surrogate pair")
            checked = escape.end()
        rest = text.find(b"\\", max(checked, len(text) - LONGEST_ESCAPE + 1))
        self._rest = text[rest:] if rest >= 0 else b""
