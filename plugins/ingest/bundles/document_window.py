"""Reads a document in UTF-8 through a window, so that only a part of the document is in memory.

Used by `ingest.bundles.metadata_document`.
"""

import codecs
import json
from typing import BinaryIO

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidMetadata

BLOCK = 64 * 1024


class DocumentWindow:
    """The part of a document that is in memory, as `text`; everything before index `at` has been read."""

    def __init__(self, document: BinaryIO) -> None:
        self._document = document
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._bytes = 0
        self._passed = 0
        self._fault: InvalidMetadata | None = None
        self.text = ""
        self.at = 0

    def character_number(self, at: int) -> int:
        """Return the position in the document of the character at an index of `text`."""
        return self._passed + at

    def more(self) -> bool:
        """Drop the text that has been read and load more; return False at the end. Raise InvalidMetadata."""
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
            # The text before the faulty byte is read first, because it may have faults of its own.
            at = self._bytes - len(error.object) + error.start
            sentence = f"the metadata is not UTF-8 at byte {at} (0x{error.object[error.start]:02x}); save it as UTF-8"
            self._fault = InvalidMetadata(sentence, FaultCode.METADATA_ENCODING)
            return error.object[: error.start].decode()


def _check_encoding(beginning: bytes) -> None:
    encoding = json.detect_encoding(beginning)
    if encoding == "utf-8-sig":
        sentence = "the metadata begins with a byte order mark; save it as UTF-8 without one"
        raise InvalidMetadata(sentence, FaultCode.METADATA_HAS_MARK)
    if encoding != "utf-8":
        raise InvalidMetadata(f"the metadata looks like {encoding}; save it as UTF-8", FaultCode.METADATA_ENCODING)
