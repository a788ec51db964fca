"""The connection of a client, as the threads of the server read and write it: never without an end.

Made by `api.serving.worker` for each client; gunicorn reads bodies from it and writes answers to it.
"""

import errno
import socket
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from api.serving.pace import Pace

if TYPE_CHECKING:
    from socket import _SendableFile

    from _typeshed import ReadableBuffer, WriteableBuffer

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# A client that waits for nothing else than our answer, or has no more than a few bytes to send.
PROMPT_SECONDS = 5.0
# Of a file that is sent: so much must be taken in that time.
BLOCK = 256 * 1024
Received = TypeVar("Received")


class ClientSocket(socket.socket):
    """A socket that gives up a client that sends too slowly, or takes its answers too slowly."""

    pace: Pace
    awaits_continue = False

    def begin_request(self) -> None:
        """Forget what was agreed upon for the request before."""
        self.pace = Pace(PROMPT_SECONDS, slowest=0)
        self.awaits_continue = False

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Give the next bytes; a client that waits to be asked for its body is asked now. Raises TimeoutError."""
        return self._paced(lambda: super(ClientSocket, self).recv(size, flags), len)

    def recv_into(self, buffer: "WriteableBuffer", size: int = 0, flags: int = 0) -> int:
        """Write the next bytes into a buffer, and give their number; otherwise as `recv`."""
        return self._paced(lambda: super(ClientSocket, self).recv_into(buffer, size, flags), int)

    def _paced(self, receive: Callable[[], Received], size_of: Callable[[Received], int]) -> Received:
        if self.awaits_continue:
            self.awaits_continue = False
            self.sendall(CONTINUE)
        self.settimeout(self.pace.patience)
        begun = time.monotonic()
        received = receive()
        self.pace.count(time.monotonic() - begun, size_of(received))
        return received

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        """Send all of it; raises ConnectionResetError when the client has not taken it in some seconds."""
        self.settimeout(PROMPT_SECONDS)
        try:
            super().sendall(data, flags)
        except TimeoutError as error:
            raise ConnectionResetError(errno.ECONNRESET, "the client does not take the answer") from error

    def sendfile(self, file: "_SendableFile", offset: int = 0, count: int | None = None) -> int:
        """Send a file block by block, and give the number of its bytes; otherwise as `sendall`."""
        file.seek(offset)
        left = sys.maxsize if count is None else count
        sent = 0
        while block := file.read(min(BLOCK, left - sent)):
            self.sendall(block)
            sent += len(block)
        return sent
