"""Decodes one entry of a JSON document and finds values that could not be passed on unchanged.

Used by `ingest.bundles.metadata_document`. Python's own decoder reads the JSON; the checks find values that it accepts, but
that the JSON standard, PostgreSQL or another reader does not.
"""

import json
import re
from collections import Counter
from math import isinf
from typing import Any

from ingest.errors.fault_codes import FaultCode
from ingest.system.sanitize import quote_name

Entry = dict[str, Any]

# The list is the first level, each entry the second.
MAX_LEVELS = 64
# The integers of PostgreSQL's bigint, which every JSON library can hold (RFC 8259, 6).
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**63 - 1
INTEGER_LENGTH = 20
# NUL, which no text in PostgreSQL can hold, and halves of surrogate pairs, which are not characters.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
TOO_DEEP = f"it is nested more than {MAX_LEVELS} levels deep"


class EntryDecoder:
    """Decodes entries; `faults` holds a sentence for each kind of fault in the last one."""

    def __init__(self) -> None:
        self.faults: dict[FaultCode, str] = {}
        self._decode = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._integer,
            parse_float=self._float,
            parse_constant=self._constant,
        ).raw_decode

    def decode(self, text: str, at: int) -> tuple[Any, int]:
        """Return the value that begins at an index, and the index of its end; raise JSONDecodeError, RecursionError."""
        self.faults.clear()
        return self._decode(text, at)

    def check(self, value: object, text: str, at: int, end: int) -> None:
        """Find the faults that the decoder accepts in a value, which was decoded from `text[at:end]`."""
        # Without these characters there is no such fault; searching for them is much faster than checking every value.
        if text.find("\\u", at, end) >= 0 or text.count("[", at, end) + text.count("{", at, end) >= MAX_LEVELS:
            self._check(value, 2)
        if not isinstance(value, dict):
            self.faults[FaultCode.ENTRY_NOT_OBJECT] = "it must be an object"

    def _check(self, value: object, level: int) -> None:
        if isinstance(value, str):
            if UNSTORABLE.search(value):
                shown = quote_name(value)
                self.faults[FaultCode.TEXT_UNSTORABLE] = f"the text {shown} contains NUL or half of a surrogate pair"
        elif level > MAX_LEVELS and isinstance(value, dict | list):
            self.faults[FaultCode.ENTRY_TOO_DEEP] = TOO_DEEP
        elif isinstance(value, dict):
            for key, inner in value.items():
                self._check(key, level)
                self._check(inner, level + 1)
        elif isinstance(value, list):
            for inner in value:
                self._check(inner, level + 1)

    def _object(self, pairs: list[tuple[str, Any]]) -> Entry:
        entry = dict(pairs)
        if len(entry) != len(pairs):
            names = Counter(name for name, _ in pairs)
            self.faults[FaultCode.KEY_TWICE] = f"the key {quote_name(names.most_common(1)[0][0])} is repeated"
        return entry

    def _integer(self, digits: str) -> int:
        number = int(digits) if len(digits) <= INTEGER_LENGTH else LARGEST_INTEGER + 1
        if not SMALLEST_INTEGER <= number <= LARGEST_INTEGER:
            self.faults[FaultCode.NUMBER_TOO_LARGE] = f"the number {quote_name(digits)} has more than 64 bits"
        return number

    def _float(self, digits: str) -> float:
        number = float(digits)
        if isinf(number):
            shown = quote_name(digits)
            self.faults[FaultCode.NUMBER_TOO_LARGE] = f"the number {shown} is too large for double precision"
        return number

    def _constant(self, name: str) -> None:
        self.faults[FaultCode.NUMBER_NOT_FINITE] = f"{name} is not a number in JSON"
