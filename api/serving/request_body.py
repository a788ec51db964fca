"""The body of a request, read without a copy in between. Used by `api.serving.http_request`.

gunicorn copies what it receives three times before the application has it, which costs half as much as writing it to a file.
"""

from gunicorn.http.body import Body, LengthReader


class RequestBody(Body):  # type: ignore[misc]
    """A body that the socket writes straight into the block that is read, where its length is known."""

    def read(self, size: int | None = None) -> bytes | bytearray:
        """Give the next `size` bytes, fewer only where the body ends, or where its client has gone; raises OSError."""
        reader = self.reader
        if not size or size < 0 or not isinstance(reader, LengthReader) or self.buf.tell():
            return bytes(super().read(size))
        block = bytearray(min(size, reader.length))
        try:
            received = self._fill(memoryview(block))
        except BaseException:
            # Where the next request begins is unknown now.
            self.failed = True
            raise
        reader.length -= received
        return block if received == len(block) else block[:received]

    def _fill(self, block: memoryview) -> int:
        unreader = self.reader.unreader
        early = unreader.take_buffered()
        received = min(len(early), len(block))
        block[:received] = early[:received]
        unreader.unread(early[received:])
        while received < len(block):
            count = unreader.sock.recv_into(block[received:])
            if count == 0:
                break
            received += count
        return received
