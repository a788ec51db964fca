"""Python's JSON parser without its accelerators in C: a fuzzer sees which of its branches a document takes.

Called by the oracle of the metadata. It reads what `json.loads` reads, more slowly.
"""

import json
import json.decoder
import json.scanner
from typing import Any


class PurePythonDecoder(json.JSONDecoder):
    """A decoder whose scanner and string parser are those that the standard library has in Python."""

    def __init__(self) -> None:
        super().__init__()
        self.parse_string = json.decoder.py_scanstring  # type: ignore[attr-defined]
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]


def loads(text: str) -> Any:
    """Parse a text; raises json.JSONDecodeError."""
    return PurePythonDecoder().decode(text)
