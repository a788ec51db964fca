"""A TCP proxy in front of a server, as a bad network: it cuts connections, loses answers and stalls.

`CuttingProxy(server.address, [Cut(after=5_000_000), LostAnswer()])` applies its faults in their order. A fault happens on
the first connection that reaches its condition; until then, and after the last fault, everything is forwarded.
`tools.pacifica_core.proxy` injects faults into single requests: it reads each request and each answer whole.
"""

import select
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from tools.waiting import wait_until

BLOCK = 64 * 1024
TIMEOUT_SECONDS = 300
REACHED_SECONDS = 60
# Closing the socket then sends RST instead of FIN.
RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Cut:
    """End a connection on both sides after `after` bytes to the server: with FIN, or with RST if `reset` is set."""

    after: int
    reset: bool = False


@dataclass(frozen=True)
class LostAnswer:
    """Reset a connection when an answer arrives after `after` bytes to the server; the client gets none of the answer."""

    after: int = 0


@dataclass(frozen=True)
class Stall:
    """Forward nothing more after `after` bytes to the server, not even the end of the connection, until `release()`."""

    after: int


Fault = Cut | LostAnswer | Stall
Kind = TypeVar("Kind", Cut, LostAnswer, Stall)


class CuttingProxy:
    """A proxy at `url`, on a free port of this machine. `forwarded` counts the bytes that were sent to the server."""

    def __init__(self, target: tuple[str, int], faults: Sequence[Fault] = ()) -> None:
        self.forwarded = 0
        self.happened: list[Fault] = []
        self._target = target
        self._faults = list(faults)
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._closed = False
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://{}:{}".format(*self._listener.getsockname())
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def add(self, *faults: Fault) -> None:
        """Apply more faults after those that are left."""
        with self._lock:
            self._faults.extend(faults)

    def wait_until_happened(self, fault: Fault) -> None:
        """Wait until a fault has happened."""
        wait_until(lambda: fault in self.happened, REACHED_SECONDS, lambda: f"no connection reaches {fault}")

    def release(self) -> None:
        """Let stalled connections continue."""
        self._released.set()

    def close(self) -> None:
        """Refuse connections, and end those that are open."""
        self.release()
        self._closed = True
        for each in (self._listener, *tuple(self._sockets)):
            # Wakes a thread that waits for the socket, which closing does not.
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT_SECONDS)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # A client or a server that ends its connection, or a server that refuses it, is part of what tests do.
        with client, suppress(OSError), socket.create_connection(self._target, TIMEOUT_SECONDS) as server:
            ends = {client, server}
            for each in ends:
                each.settimeout(TIMEOUT_SECONDS)
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets |= ends
            try:
                # A connection that `close` has not seen, because it was made simultaneously.
                if not self._closed:
                    self._relay(client, server)
            finally:
                self._sockets -= ends

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        """Forward in both directions until both are ended, or a fault ends the connection."""
        sent = 0
        receivers = {client: server, server: client}
        while receivers:
            if cut := self._take(Cut, sent):
                _end(client, server, reset=cut.reset)
                return
            if self._take(Stall, sent):
                self._released.wait(TIMEOUT_SECONDS)
            for sender in _wait_for_any(receivers):
                block = sender.recv(self._next_size(sent) if sender is client else BLOCK)
                if block and sender is server and self._take(LostAnswer, sent):
                    _end(client, server, reset=True)
                    return
                _forward(block, sender, receivers)
                if sender is client:
                    sent += len(block)
                    self.forwarded += len(block)

    def _take(self, kind: type[Kind], sent: int) -> Kind | None:
        """Return the next fault if it is of a kind and its bytes are sent; it then happens on no other connection."""
        with self._lock:
            fault = next(iter(self._faults), None)
            if not isinstance(fault, kind) or sent < fault.after:
                return None
            self._faults.pop(0)
            self._released.clear()
            self.happened.append(fault)
            return fault

    def _next_size(self, sent: int) -> int:
        """Return how many bytes to forward until the next fault has to be checked."""
        with self._lock:
            left = self._faults[0].after - sent if self._faults else 0
        return min(BLOCK, left) if left > 0 else BLOCK


@contextmanager
def cutting_proxy(target: str, faults: Sequence[Fault] = ()) -> Iterator[CuttingProxy]:
    """Run a proxy in front of a URL."""
    address = urlsplit(target)
    proxy = CuttingProxy((address.hostname or "", address.port or 0), faults)
    try:
        yield proxy
    finally:
        proxy.close()


def _wait_for_any(receivers: dict[socket.socket, socket.socket]) -> list[socket.socket]:
    """Return the sockets that can be read; raises TimeoutError."""
    readable = select.select(list(receivers), [], [], TIMEOUT_SECONDS)[0]
    if not readable:
        raise TimeoutError
    return readable


def _forward(block: bytes, sender: socket.socket, receivers: dict[socket.socket, socket.socket]) -> None:
    """Forward a block, or the end if it is empty."""
    try:
        if block:
            receivers[sender].sendall(block)
        else:
            receivers.pop(sender).shutdown(socket.SHUT_WR)
    except OSError:
        # The receiver has closed the connection. It may have answered before, so the other direction continues.
        receivers.pop(sender, None)


def _end(*ends: socket.socket, reset: bool) -> None:
    for each in ends:
        if reset:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        each.close()
