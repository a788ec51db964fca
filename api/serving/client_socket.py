"""The connection of a client, as the threads of the server read and write it: never without an end.

Made by `api.serving.worker` for each client; gunicorn reads bodies from it and writes answers to it.
"""

import errno
import socket
import time
from typing import TYPE_CHECKING

from api.serving.pace import Pace

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# A client that waits for nothing else than our answer, or has no more than a few bytes to send.
PROMPT_SECONDS = 5.0


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
        if self.awaits_continue:
            self.awaits_continue = False
            self.sendall(CONTINUE)
        self.settimeout(self.pace.patience)
        begun = time.monotonic()
        data = super().recv(size, flags)
        self.pace.count(time.monotonic() - begun, len(data))
        return data

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        """Send all of it; raises ConnectionResetError when the client takes nothing for some seconds."""
        self.settimeout(PROMPT_SECONDS)
        try:
            super().sendall(data, flags)
        except TimeoutError as error:
            raise ConnectionResetError(errno.ECONNRESET, "the client does not take the answer") from error
