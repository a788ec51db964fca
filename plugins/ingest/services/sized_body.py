"""A body that is sent to a service: exactly the announced number of bytes, or an error.

Used by the HTTP client and by the built-in archive. The services do not check it: ArchiveInterface answers 201 to a body
that ends early.
"""

from collections.abc import Iterator
from typing import BinaryIO

from ingest.errors.types import ServiceUnavailable


class SizedBody:
    """Reads a body once, and raises an error if it has fewer or more bytes than `size`.

    The last block is returned only if nothing follows it, so a service never receives a complete body that is too long.
    `failure` is the exception that `read` raised: HTTP libraries wrap some exceptions, and the caller needs the original.
    """

    def __init__(self, body: BinaryIO, size: int, service: str, url: str) -> None:
        self._body = body
        self._size = size
        self._left = size
        self._ended = False
        self._service = service
        self._url = url
        self.failure: Exception | None = None

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        # HTTP libraries treat only an iterable object as a stream, and then read it with `read`.
        raise TypeError("a body is read in blocks, not in lines")

    def read(self, amount: int) -> bytes:
        """Return the next block of at most `amount` bytes; empty at the end.

        Raises ServiceUnavailable if the length of the body is wrong, and the exceptions of the body.
        """
        try:
            return self._read(amount)
        except Exception as error:
            self.failure = error
            raise

    def _read(self, amount: int) -> bytes:
        block = self._body.read(min(amount, self._left)) if self._left else b""
        if self._left and not block:
            raise self._wrong_length(f"ended after {self._size - self._left}")
        self._left -= len(block)
        if not self._left and not self._ended:
            self._ended = True
            if self._body.read(1):
                raise self._wrong_length("continues after the last")
        return block

    def _wrong_length(self, fault: str) -> ServiceUnavailable:
        reason = f"the body to send {fault} of {self._size} announced bytes"
        return ServiceUnavailable(self._service, self._url, reason)
