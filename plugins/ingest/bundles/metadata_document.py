"""Reads a JSON list of objects (RFC 8259) entry by entry: `metadata.txt` of a bundle, or a move document.

Called by `ingest.bundles.bundle_metadata`, and by `api.receiving.move_document` while the request is still open. The
document is untrusted and may have any size: only one entry, whose length is bounded, is in memory at a time. A value that
could not be passed on exactly as it was read is a fault.
"""

import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any, BinaryIO

from ingest.bundles.document_window import DocumentWindow
from ingest.bundles.entry_decoder import TOO_DEEP, Entry, EntryDecoder
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidMetadata

__all__ = ["LARGEST_ENTRY", "Entry", "objects"]

# In characters, of an entry or of the white space between two.
LARGEST_ENTRY = 512 * 1024
WHITE_SPACE = re.compile(r"[ \t\n\r]*")
UNTERMINATED = "Unterminated string"
# The length of `-Infinity`, and of the escapes of a surrogate pair: if the window ends inside one, it looks like a fault.
LONGEST_TOKEN = 12


def objects(document: BinaryIO, faults: FaultList) -> Iterator[tuple[int, Entry]]:
    """Yield each entry with its index in the list; add the faults of invalid ones to `faults`.

    Raises InvalidMetadata with all faults so far where reading cannot continue.
    """
    try:
        yield from _Reader(document, faults).objects()
    except InvalidMetadata as error:
        faults.take(error)
        faults.raise_as(InvalidMetadata)


class _Reader:
    """Reads a document once."""

    def __init__(self, document: BinaryIO, faults: FaultList) -> None:
        self._window = DocumentWindow(document)
        self._decoder = EntryDecoder()
        self._faults = faults
        self._index = 0

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
            sentence = "data follows the list of the metadata; send one JSON list and nothing else"
            raise InvalidMetadata(sentence, FaultCode.METADATA_GOES_ON)

    def _entries(self) -> Iterator[tuple[int, Entry]]:
        for self._index in count():
            entry = self._value()
            if not self._decoder.faults:
                yield self._index, entry
            for fault, sentence in self._decoder.faults.items():
                self._faults.add(fault, f"entry {self._index}: {sentence}")
            separator = self._character()
            if separator not in {",", "]"}:
                raise self._malformed(self._window.at, "expecting ',' or ']'") if separator else self._truncated()
            self._window.at += 1
            if separator == "]":
                return
            self._character()

    def _character(self) -> str:
        """Skip white space and return the next character; empty at the end."""
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
        """Decode and check the entry that begins here."""
        window = self._window
        while True:
            try:
                value, end = self._decoder.decode(window.text, window.at)
            except json.JSONDecodeError as error:
                self._read_on_after(error)
                continue
            except RecursionError as error:
                raise InvalidMetadata(f"entry {self._index}: {TOO_DEEP}", FaultCode.ENTRY_TOO_DEEP) from error
            if end < len(window.text) or not self._read_on():
                break
        if end - window.at > LARGEST_ENTRY:
            raise self._too_long()
        self._decoder.check(value, window.text, window.at, end)
        window.at = end
        return value

    def _read_on_after(self, error: json.JSONDecodeError) -> None:
        """Load more of an entry that is not completely in memory; raise InvalidMetadata if it is invalid or too long."""
        unterminated, length = error.msg.startswith(UNTERMINATED), len(self._window.text)
        if not unterminated and error.pos + LONGEST_TOKEN < length:
            raise self._malformed(error.pos, error.msg)
        if not self._read_on():
            is_truncated = unterminated or error.pos >= length
            raise self._truncated() if is_truncated else self._malformed(error.pos, error.msg)

    def _read_on(self) -> bool:
        """Load more of an entry; return False at the end of the document. Raise InvalidMetadata if the entry is too long."""
        if len(self._window.text) - self._window.at > LARGEST_ENTRY:
            raise self._too_long()
        return self._window.more()

    def _malformed(self, at: int, reason: str) -> InvalidMetadata:
        place = f"in or after entry {self._index}, at character {self._window.character_number(at)}"
        return InvalidMetadata(f"the metadata is not valid JSON {place}: {reason}", FaultCode.METADATA_NOT_JSON)

    def _truncated(self) -> InvalidMetadata:
        sentence = f"the metadata is truncated: it ends in entry {self._index}; send the whole document"
        return InvalidMetadata(sentence, FaultCode.METADATA_CUT)

    def _too_long(self) -> InvalidMetadata:
        sentence = f"entry {self._index}, or the white space next to it, is longer than {LARGEST_ENTRY} characters"
        return InvalidMetadata(sentence, FaultCode.ENTRY_TOO_LONG)
