"""The connection of a client, as the threads of the server read and write it: every wait has a time limit.

Made by `api.serving.worker` for each client; gunicorn reads bodies from it and writes answers to it. The part of an answer
that the kernel does not accept immediately is kept, and sent by the loop of the worker.
"""

import errno
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import ioctl
from itertools import islice
from struct import unpack
from termios import TIOCOUTQ
from typing import TYPE_CHECKING, TypeVar

from api.serving.pace import Pace

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHECK_SECONDS = 1.0
# For a client that only waits for the answer, or has at most a few bytes to send.
PROMPT_SECONDS = 5.0
# How long a client may read nothing of its answer, and the bytes per second that it must read on average over that time.
READ_TIMEOUT_SECONDS = 10.0
SLOWEST_READER = 1024
# How much is kept for one client. The largest answers are the scripts of `/docs`, of which all clients share one copy;
# longer ones are sent at the client's pace (`api.serving.long_answers`).
MAX_UNSENT_BYTES = 8 * 1024**2
BLOCK = 64 * 1024
# The parts of an answer that one system call sends; Linux accepts 1,024.
BUFFERS = 64
Received = TypeVar("Received")


class ClientSocket(socket.socket):
    """A socket that drops a client that sends too slowly, and never waits for one that reads slowly."""

    pace: Pace
    # Called every second while nothing arrives; its errors end the request.
    check: Callable[[], None] | None
    awaits_continue = False
    # Whether the current request was held (`api.serving.held_requests`), and is now handled once more.
    was_held = False
    # Whether `sendall` only keeps the bytes.
    collects = False
    # What the application has prepared for the current request, if it is a poll (`api.serving.poll_queue`).
    announced: object | None = None

    def __init__(self, fileno: int) -> None:
        super().__init__(fileno=fileno)
        self._unsent: deque[memoryview] = deque()
        self.unsent_bytes = 0

    def begin_request(self) -> None:
        """Reset the state of the previous request."""
        self.pace = Pace(PROMPT_SECONDS, slowest=0)
        self.check = None
        self.awaits_continue = False
        self.announced = None

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Return the next bytes, after a 100 for a client that waits for it. Raises TimeoutError."""
        return self._paced(lambda: super(ClientSocket, self).recv(size, flags), len)

    def recv_into(self, buffer: "WriteableBuffer", size: int = 0, flags: int = 0) -> int:
        """Write the next bytes into a buffer, and return their number; otherwise like `recv`."""
        return self._paced(lambda: super(ClientSocket, self).recv_into(buffer, size, flags), int)

    def _paced(self, receive: Callable[[], Received], size_of: Callable[[Received], int]) -> Received:
        if self.awaits_continue:
            self.awaits_continue = False
            self.sendall(CONTINUE)
        while True:
            longest = self.pace.remaining_seconds
            self.settimeout(longest if self.check is None else min(longest, CHECK_SECONDS))
            begun = time.monotonic()
            try:
                received = receive()
            except TimeoutError:
                self.pace.wait(time.monotonic() - begun)
                if self.check:
                    self.check()
            else:
                self.pace.count(time.monotonic() - begun, size_of(received))
                return received

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        """Send the bytes that the kernel accepts immediately, and keep the rest for the loop.

        Raises ConnectionResetError when the client has closed the connection, or has left too many bytes unread.
        """
        # Bytes are not copied: all clients that get the same object share it.
        self._unsent.append(memoryview(data if isinstance(data, bytes) else bytes(data)))
        self.unsent_bytes += len(self._unsent[-1])
        if not self.collects:
            self.send_unsent(flags)
        if self.unsent_bytes > MAX_UNSENT_BYTES:
            raise ConnectionResetError(errno.ECONNRESET, "the client does not read the answer")

    def send_unsent(self, flags: int = 0) -> None:
        """Send as many of the kept bytes as the kernel accepts immediately; raises OSError."""
        if self.gettimeout():
            # Otherwise Python waits for the kernel, whatever the flags.
            self.setblocking(False)
        try:
            while self._unsent:
                self._count(super().sendmsg(islice(self._unsent, BUFFERS), (), flags | socket.MSG_DONTWAIT))
        except BlockingIOError:
            pass

    def wait_until_sent(self) -> None:
        """Wait until the kernel has accepted all bytes; raises ConnectionResetError for a client that reads too slowly."""
        pace = Pace(READ_TIMEOUT_SECONDS, SLOWEST_READER)
        poller = select.poll()
        poller.register(self, select.POLLOUT)
        while self.unsent_bytes:
            begun, before = time.monotonic(), self.unsent_bytes
            poller.poll(pace.remaining_seconds * 1000)
            self.send_unsent()
            try:
                pace.count(time.monotonic() - begun, before - self.unsent_bytes)
            except TimeoutError:
                raise ConnectionResetError(errno.ECONNRESET, "the client does not read the answer") from None

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Send what the `with` block sends as one message at its end: each system call costs a change of threads.

        Raises OSError.
        """
        self.collects = True
        try:
            yield
        finally:
            self.collects = False
            self.send_unsent()

    def left_bytes(self) -> int:
        """Return how many bytes the client has not acknowledged, including those in the kernel (up to megabytes)."""
        queued: int = unpack("i", ioctl(self, TIOCOUTQ, bytes(4)))[0]
        return self.unsent_bytes + queued

    def _count(self, sent: int) -> None:
        self.unsent_bytes -= sent
        while self._unsent and sent >= len(self._unsent[0]):
            sent -= len(self._unsent.popleft())
        if sent:
            self._unsent[0] = self._unsent[0][sent:]


def receive_available(client: ClientSocket) -> bytes | None:
    """Return the received bytes: empty if the client has closed the connection, None if nothing has arrived yet."""
    try:
        # Not ClientSocket's method, which waits.
        return socket.socket.recv(client, BLOCK)
    except BlockingIOError:
        return None
    except OSError:
        return b""
