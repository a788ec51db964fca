"""A single-threaded TCP proxy: each new connection is forwarded to the next target. Started by `four_archives`.

python -m bench.systems.round_robin_proxy PORT TARGET_PORT ...
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
class Endpoint:
    """One of the two sockets of a proxied connection, and the bytes that must be sent to it.

    `ended`: the end of the stream was read from the socket.
    """

    connection: socket.socket
    pending: bytes = b""
    ended: bool = False
    other: "Endpoint | None" = None

    def events(self) -> int:
        """Return the epoll events to wait for; nothing is read while bytes for the other endpoint are pending."""
        assert self.other
        reading = not self.ended and not self.other.pending
        return (select.EPOLLIN if reading else 0) | (select.EPOLLOUT if self.pending else 0)


class RoundRobinProxy:
    """The proxy; forwards connections from a listening socket to ports of this machine."""

    def __init__(self, server: socket.socket, targets: list[int]) -> None:
        self._server = server
        self._targets = cycle(targets)
        self._endpoints: dict[int, Endpoint] = {}
        self._epoll = select.epoll()
        self._epoll.register(server, select.EPOLLIN)

    def run(self) -> None:
        """Forward until the process is terminated."""
        while True:
            for descriptor, events in self._epoll.poll():
                if descriptor == self._server.fileno():
                    self._accept()
                elif endpoint := self._endpoints.get(descriptor):
                    self._transfer(endpoint, events)

    def _accept(self) -> None:
        client = Endpoint(self._server.accept()[0])
        target = Endpoint(socket.create_connection((HOST, next(self._targets))), other=client)
        client.other = target
        for endpoint in (client, target):
            endpoint.connection.setblocking(False)
            endpoint.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._endpoints[endpoint.connection.fileno()] = endpoint
            self._epoll.register(endpoint.connection, select.EPOLLIN)

    def _transfer(self, endpoint: Endpoint, events: int) -> None:
        assert endpoint.other
        other = endpoint.other
        try:
            if events & select.EPOLLOUT:
                endpoint.pending = endpoint.pending[_send_pending(endpoint) :]
            elif not other.pending:
                _read(endpoint, other)
        except ConnectionError:
            endpoint.ended = other.ended = True
        if endpoint.ended and other.ended and not endpoint.pending and not other.pending:
            self._close(endpoint, other)
        else:
            for each in (endpoint, other):
                self._epoll.modify(each.connection, each.events())

    def _close(self, *endpoints: Endpoint) -> None:
        for endpoint in endpoints:
            del self._endpoints[endpoint.connection.fileno()]
            endpoint.connection.close()


def _read(endpoint: Endpoint, other: Endpoint) -> None:
    other.pending = endpoint.connection.recv(BLOCK)
    if other.pending:
        other.pending = other.pending[_send_pending(other) :]
    else:
        endpoint.ended = True
        with suppress(OSError):
            other.connection.shutdown(socket.SHUT_WR)


def _send_pending(endpoint: Endpoint) -> int:
    try:
        return endpoint.connection.send(endpoint.pending)
    except BlockingIOError:
        return 0


def main(port: str, *targets: str) -> None:
    """Listen, print the port, and forward."""
    with socket.create_server((HOST, int(port)), backlog=64) as server:
        print(server.getsockname()[1], flush=True)
        RoundRobinProxy(server, [int(target) for target in targets]).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
