"""A JSON list of objects (RFC 8259), read entry by entry: `metadata.txt` of a bundle, or a move document.

Called by `ingest.bundles.bundle_metadata`, and by `api.receiving.move_document` while the sender still listens. The
document comes from anybody and may have any size: no more of it lies in memory than one entry, whose length is bounded.
Each entry is decoded by Python's own decoder. Nothing is changed silently: what could not be sent on as it was read is
a fault.
"""

import codecs
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from math import isinf
from typing import Any, BinaryIO

from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidMetadata
from ingest.system.sanitize import quote_name

Entry = dict[str, Any]

BLOCK = 64 * 1024
# In characters, of an entry or of the white space between two.
LARGEST_ENTRY = 512 * 1024
# The list is the first level, each entry the second.
DEEPEST = 64
# What every JSON library can hold (RFC 8259, 6), and PostgreSQL's bigint.
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**63 - 1
INTEGER_LENGTH = 20
WHITE_SPACE = re.compile(r"[ \t\n\r]*")
# NUL, which no text in PostgreSQL can hold, and halves of surrogate pairs, which are no characters.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
UNTERMINATED = "Unterminated string"
# `-Infinity`, and the escapes of a surrogate pair: what is cut in the middle of one may look like a mistake.
LONGEST_TOKEN = 12
TOO_DEEP = f"it is nested more than {DEEPEST} deep"


def objects(document: BinaryIO, faults: FaultList) -> Iterator[tuple[int, Entry]]:
    """Give each entry with its index in the list, and add to `faults` those that cannot be given.

    Raises InvalidMetadata with all faults so far where the document cannot be read on.
    """
    try:
        yield from _Reader(document, faults).objects()
    except InvalidMetadata as error:
        faults.take(error)
        faults.raise_as(InvalidMetadata)


class _Window:
    """The part of a document that is in memory, as text: what lies before `at` has been read."""

    def __init__(self, document: BinaryIO) -> None:
        self._document = document
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._bytes = 0
        self._passed = 0
        self._fault: InvalidMetadata | None = None
        self.text = ""
        self.at = 0

    def character_number(self, at: int) -> int:
        """Give which character of the document a place in `text` is."""
        return self._passed + at

    def more(self) -> bool:
        """Let go of what has been read and read on; gives False at the end. Raises InvalidMetadata where no text is."""
        if self._fault:
            raise self._fault
        block = self._document.read(max(BLOCK, len(self.text) - self.at))
        if not self._bytes:
            _check_encoding(block)
        self._bytes += len(block)
        decoded = self._decoded(block)
        if not block and not self._fault:
            return False
        self.text = self.text[self.at :] + decoded
        self._passed, self.at = self._passed + self.at, 0
        return True

    def _decoded(self, block: bytes) -> str:
        try:
            return self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            # What stands before is read first, because it may have faults of its own.
            at = self._bytes - len(error.object) + error.start
            sentence = f"the metadata is no UTF-8 at byte {at} (0x{error.object[error.start]:02x}); save it as UTF-8"
            self._fault = InvalidMetadata(sentence, FaultCode.METADATA_ENCODING)
            return error.object[: error.start].decode()


def _check_encoding(beginning: bytes) -> None:
    encoding = json.detect_encoding(beginning)
    if encoding == "utf-8-sig":
        sentence = "the metadata begins with a byte order mark; save it as UTF-8 without one"
        raise InvalidMetadata(sentence, FaultCode.METADATA_HAS_MARK)
    if encoding != "utf-8":
        raise InvalidMetadata(f"the metadata looks like {encoding}; save it as UTF-8", FaultCode.METADATA_ENCODING)


class _Reader:
    """Reads a document once."""

    def __init__(self, document: BinaryIO, faults: FaultList) -> None:
        self._window = _Window(document)
        self._faults = faults
        self._index = 0
        # Of the entry that is being decoded: a sentence for each kind of fault.
        self._found: dict[FaultCode, str] = {}
        self._decode: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._integer,
            parse_float=self._float,
            parse_constant=self._constant,
        ).raw_decode

    def objects(self) -> Iterator[tuple[int, Entry]]:
        """See `objects`."""
        if self._character() != "[":
            raise InvalidMetadata("the metadata must be a JSON list of objects", FaultCode.METADATA_NOT_LIST)
        self._window.at += 1
        if self._character() == "]":
            self._faults.add(FaultCode.METADATA_EMPTY, "the metadata is an empty list")
            self._window.at += 1
        else:
            yield from self._entries()
        if self._character():
            raise InvalidMetadata("something stands behind the list of the metadata", FaultCode.METADATA_GOES_ON)

    def _entries(self) -> Iterator[tuple[int, Entry]]:
        for self._index in count():
            entry = self._value()
            if not self._found:
                yield self._index, entry
            for fault, sentence in self._found.items():
                self._faults.add(fault, f"entry {self._index}: {sentence}")
            separator = self._character()
            if separator not in {",", "]"}:
                raise self._cut() if not separator else self._malformed(self._window.at, "expecting ',' or ']'")
            self._window.at += 1
            if separator == "]":
                return
            self._character()

    def _character(self) -> str:
        """Go to the next character that is not white space and give it; at the end it is none."""
        window, skipped = self._window, 0
        while True:
            found = WHITE_SPACE.match(window.text, window.at)
            end = found.end() if found else window.at
            skipped += end - window.at
            window.at = end
            if skipped > LARGEST_ENTRY:
                raise self._too_long()
            if end < len(window.text):
                return window.text[end]
            if not window.more():
                return ""

    def _value(self) -> Any:  # noqa: ANN401
        """Decode the entry that begins here, and look for what is wrong with it."""
        window = self._window
        while True:
            self._found.clear()
            try:
                value, end = self._decode(window.text, window.at)
            except json.JSONDecodeError as error:
                self._read_on_after(error)
                continue
            except RecursionError as error:
                raise InvalidMetadata(f"entry {self._index}: {TOO_DEEP}", FaultCode.ENTRY_TOO_DEEP) from error
            if end < len(window.text) or not self._read_on():
                break
        if end - window.at > LARGEST_ENTRY:
            raise self._too_long()
        self._look_at(value, end)
        window.at = end
        return value

    def _read_on_after(self, error: json.JSONDecodeError) -> None:
        """Read on where the entry is not wholly in memory yet; raises InvalidMetadata where it is, or is too long."""
        unterminated, length = error.msg.startswith(UNTERMINATED), len(self._window.text)
        if not unterminated and error.pos + LONGEST_TOKEN < length:
            raise self._malformed(error.pos, error.msg)
        if not self._read_on():
            raise self._cut() if unterminated or error.pos >= length else self._malformed(error.pos, error.msg)

    def _read_on(self) -> bool:
        """Read on within an entry; gives False at the end. Raises InvalidMetadata when the entry is too long."""
        if len(self._window.text) - self._window.at > LARGEST_ENTRY:
            raise self._too_long()
        return self._window.more()

    def _look_at(self, value: object, end: int) -> None:
        """Look for what the decoder takes and nobody behind us could."""
        text, at = self._window.text, self._window.at
        # Only then can there be anything to find, which is much quicker than to look at every value.
        if text.find("\\u", at, end) >= 0 or text.count("[", at, end) + text.count("{", at, end) >= DEEPEST:
            self._look_into(value, 2)
        if not isinstance(value, dict):
            self._found[FaultCode.ENTRY_NOT_OBJECT] = "it must be an object"

    def _look_into(self, value: object, level: int) -> None:
        if isinstance(value, str):
            if UNSTORABLE.search(value):
                self._found[FaultCode.TEXT_UNSTORABLE] = (
                    f"the text {quote_name(value)} holds NUL or half of a surrogate pair"
                )
        elif level > DEEPEST and isinstance(value, dict | list):
            self._found[FaultCode.ENTRY_TOO_DEEP] = TOO_DEEP
        elif isinstance(value, dict):
            for key, inner in value.items():
                self._look_into(key, level)
                self._look_into(inner, level + 1)
        elif isinstance(value, list):
            for inner in value:
                self._look_into(inner, level + 1)

    def _object(self, pairs: list[tuple[str, Any]]) -> Entry:
        entry = dict(pairs)
        if len(entry) != len(pairs):
            names = Counter(name for name, _ in pairs)
            self._found[FaultCode.KEY_TWICE] = f"the key {quote_name(names.most_common(1)[0][0])} stands there twice"
        return entry

    def _integer(self, digits: str) -> int:
        number = int(digits) if len(digits) <= INTEGER_LENGTH else LARGEST_INTEGER + 1
        if not SMALLEST_INTEGER <= number <= LARGEST_INTEGER:
            self._found[FaultCode.NUMBER_TOO_LARGE] = f"the number {quote_name(digits)} has more than 64 bits"
        return number

    def _float(self, digits: str) -> float:
        number = float(digits)
        if isinf(number):
            self._found[FaultCode.NUMBER_TOO_LARGE] = (
                f"the number {quote_name(digits)} is too large for double precision"
            )
        return number

    def _constant(self, name: str) -> None:
        self._found[FaultCode.NUMBER_NOT_FINITE] = f"{name} is no number in JSON"

    def _malformed(self, at: int, reason: str) -> InvalidMetadata:
        place = f"in or behind entry {self._index}, at character {self._window.character_number(at)}"
        return InvalidMetadata(f"the metadata is no valid JSON {place}: {reason}", FaultCode.METADATA_NOT_JSON)

    def _cut(self) -> InvalidMetadata:
        return InvalidMetadata(f"the metadata is cut short: it ends in entry {self._index}", FaultCode.METADATA_CUT)

    def _too_long(self) -> InvalidMetadata:
        sentence = f"entry {self._index}, or the white space beside it, is longer than {LARGEST_ENTRY} characters"
        return InvalidMetadata(sentence, FaultCode.ENTRY_TOO_LONG)
