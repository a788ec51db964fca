"""Many clients that poll, in one lean process: plain sockets, one epoll, requests made beforehand.

    python -m bench.poller ADDRESS PORT CLIENTS SECONDS WARM_UP INTERVAL < paths

Each client keeps its connection and asks for one of the paths (client n for path n, modulo their number), and again when
INTERVAL seconds have passed since it was to ask before; with 0, at once. A time is counted from when the client was to ask,
so that an answer that comes late is not hidden by the questions it held back. The first WARM_UP seconds are not counted,
while connections are made and caches fill. Prints JSON: answers a second, the times in
milliseconds, how much of a core the process itself took, and how many answers were no 200.
"""

import json
import resource
import select
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count

BLOCK = 64 * 1024
LONGEST_WAIT = 0.1
LEAST_ANSWERS = 2
HEAD_END = b"\r\n\r\n"
GOOD = b"HTTP/1.1 200"


@dataclass
class Poller:
    """One client: its connection, its request, and when it was to ask."""

    address: tuple[str, int]
    request: bytes
    connection: socket.socket = field(init=False)
    due: float = 0.0
    answer: bytes = b""

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        """Begin to connect; what is sent next waits until the server has taken the connection."""
        self.connection = socket.socket()
        self.connection.setblocking(False)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.connect_ex(self.address)

    def ask(self) -> None:
        """Send the request; raises ConnectionError."""
        self.answer = b""
        self.connection.sendall(self.request)

    def has_answer(self) -> bool:
        """Read what has come; gives whether the answer is whole. Raises ConnectionError."""
        block = self.connection.recv(BLOCK)
        if not block:
            raise ConnectionError("the server has ended the connection")
        self.answer += block
        head, end, body = self.answer.partition(HEAD_END)
        return bool(end) and len(body) >= content_length(head)


class Polling:
    """All clients, each of which asks every `interval` seconds, and what they were answered."""

    def __init__(self, pollers: Sequence[Poller], interval: float) -> None:
        self.times: list[float] = []
        self.bad = 0
        self._interval = interval
        self._epoll = select.epoll()
        self._asking: dict[int, Poller] = {}
        # Of two that are due at the same time, the one that was answered first asks first.
        self._order = count()
        self._waiting = [(poller.due, next(self._order), poller) for poller in pollers]
        heapify(self._waiting)

    def poll_for(self, seconds: float) -> None:
        """Poll for so long; forgets what was found before."""
        self.times, self.bad = [], 0
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            while self._waiting and self._waiting[0][0] <= now:
                self._ask(heappop(self._waiting)[2])
            wait = self._waiting[0][0] - now if self._waiting else LONGEST_WAIT
            for descriptor, events in self._epoll.poll(max(min(wait, LONGEST_WAIT), 0)):
                self._act(self._asking[descriptor], events)

    def _ask(self, poller: Poller) -> None:
        descriptor = poller.connection.fileno()
        self._asking[descriptor] = poller
        self._epoll.register(descriptor, select.EPOLLOUT)

    def _act(self, poller: Poller, events: int) -> None:
        descriptor = poller.connection.fileno()
        try:
            if events & select.EPOLLOUT:
                poller.ask()
                self._epoll.modify(descriptor, select.EPOLLIN)
            elif poller.has_answer():
                self._forget(descriptor)
                self._answered(poller)
        except (ConnectionError, TimeoutError):
            # A kept connection may end at any time, and the client asks again.
            self._forget(descriptor)
            poller.connection.close()
            poller.connect()
            self._ask(poller)

    def _answered(self, poller: Poller) -> None:
        now = time.perf_counter()
        self.times.append(now - poller.due)
        self.bad += not poller.answer.startswith(GOOD)
        poller.due = poller.due + self._interval if self._interval else now
        heappush(self._waiting, (poller.due, next(self._order), poller))

    def _forget(self, descriptor: int) -> None:
        self._epoll.unregister(descriptor)
        del self._asking[descriptor]


def content_length(head: bytes) -> int:
    """The length of the body that a head announces; raises ValueError when it announces none."""
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    raise ValueError(f"an answer without a length: {head!r}")


def main(host: str, port: str, clients: str, seconds: str, warm_up: str, interval: str) -> None:
    """Poll, and print what came of it."""
    paths = sys.stdin.read().split()
    number, apart = int(clients), float(interval)
    requests = (f"GET {paths[each % len(paths)]} HTTP/1.1\r\nHost: {host}\r\n\r\n" for each in range(number))
    pollers = [Poller((host, int(port)), request.encode()) for request in requests]
    begun = time.perf_counter()
    for place, poller in enumerate(pollers):
        poller.due = begun + apart * place / number
    polling = Polling(pollers, apart)
    polling.poll_for(float(warm_up))
    begun, used = time.perf_counter(), cpu_seconds()
    polling.poll_for(float(seconds))
    if len(polling.times) < LEAST_ANSWERS:
        sys.exit("hardly anybody was answered")
    took, parts = time.perf_counter() - begun, statistics.quantiles(polling.times, n=100)
    print(
        json.dumps(
            {
                "answers": len(polling.times) / took,
                "p50": parts[49] * 1000,
                "p99": parts[98] * 1000,
                "the poller": (cpu_seconds() - used) / took,
                "bad answers": polling.bad,
            }
        )
    )


def cpu_seconds() -> float:
    """What this process has taken of the processor."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(*sys.argv[1:])
