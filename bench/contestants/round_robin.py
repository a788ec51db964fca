"""A plain TCP proxy, in one thread: each connection goes to the next of its targets. Started by `four_archives`.

python -m bench.contestants.round_robin PORT TARGET_PORT ...
"""

import select
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle

BLOCK = 256 * 1024
HOST = "127.0.0.1"


@dataclass
class End:
    """One end of a connection: its socket, and what is still to be sent to it before more is read for it."""

    connection: socket.socket
    pending: bytes = b""
    ended: bool = False
    other: "End | None" = None

    def events(self) -> int:
        """What is awaited of it: nothing more is read while the other end has not taken what was read before."""
        assert self.other
        reading = not self.ended and not self.other.pending
        return (select.EPOLLIN if reading else 0) | (select.EPOLLOUT if self.pending else 0)


class RoundRobin:
    """The proxy."""

    def __init__(self, server: socket.socket, targets: list[int]) -> None:
        self._server = server
        self._targets = cycle(targets)
        self._ends: dict[int, End] = {}
        self._epoll = select.epoll()
        self._epoll.register(server, select.EPOLLIN)

    def run(self) -> None:
        """Pass on for ever."""
        while True:
            for descriptor, events in self._epoll.poll():
                if descriptor == self._server.fileno():
                    self._accept()
                elif end := self._ends.get(descriptor):
                    self._act(end, events)

    def _accept(self) -> None:
        client = End(self._server.accept()[0])
        target = End(socket.create_connection((HOST, next(self._targets))), other=client)
        client.other = target
        for end in (client, target):
            end.connection.setblocking(False)
            end.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ends[end.connection.fileno()] = end
            self._epoll.register(end.connection, select.EPOLLIN)

    def _act(self, end: End, events: int) -> None:
        assert end.other
        other = end.other
        try:
            if events & select.EPOLLOUT:
                end.pending = end.pending[_sent(end) :]
            elif not other.pending:
                _read(end, other)
        except ConnectionError:
            end.ended = other.ended = True
        if end.ended and other.ended and not end.pending and not other.pending:
            self._close(end, other)
        else:
            for each in (end, other):
                self._epoll.modify(each.connection, each.events())

    def _close(self, *ends: End) -> None:
        for end in ends:
            del self._ends[end.connection.fileno()]
            end.connection.close()


def _read(end: End, other: End) -> None:
    other.pending = end.connection.recv(BLOCK)
    if other.pending:
        other.pending = other.pending[_sent(other) :]
    else:
        end.ended = True
        with suppress(OSError):
            other.connection.shutdown(socket.SHUT_WR)


def _sent(end: End) -> int:
    try:
        return end.connection.send(end.pending)
    except BlockingIOError:
        return 0


def main(port: str, *targets: str) -> None:
    """Listen, and say so."""
    with socket.create_server((HOST, int(port)), backlog=64) as server:
        print(server.getsockname()[1], flush=True)
        RoundRobin(server, [int(target) for target in targets]).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
