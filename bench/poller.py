"""Many polling clients in one process with little overhead: plain sockets, one epoll, prepared requests.

    python -m bench.poller ADDRESS PORT CLIENTS SECONDS WARM_UP INTERVAL < paths

Client n keeps its connection open and requests path n (modulo the number of paths). Each request is scheduled INTERVAL
seconds after the previous one was scheduled; with 0, immediately after the previous answer. A response time is counted from
the scheduled time, so that a late answer also counts for the requests that it delayed. The first WARM_UP seconds, in which
connections are opened and caches fill, are not counted.

Prints JSON: answers per second, response times in milliseconds, the share of a core that this process used, and the number
of answers with a status other than 200.
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
MAX_WAIT_SECONDS = 0.1
MIN_ANSWERS = 2
HEAD_END = b"\r\n\r\n"
STATUS_OK = b"HTTP/1.1 200"


@dataclass
class PollingClient:
    """One client: its connection, its request, and the scheduled time of the request."""

    address: tuple[str, int]
    request: bytes
    connection: socket.socket = field(init=False)
    due: float = 0.0
    answer: bytes = b""

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        """Start to connect; the socket becomes writable when the server has accepted the connection."""
        self.connection = socket.socket()
        self.connection.setblocking(False)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.connect_ex(self.address)

    def send_request(self) -> None:
        """Send the request; raises ConnectionError."""
        self.answer = b""
        self.connection.sendall(self.request)

    def receive(self) -> bool:
        """Read the available bytes; return whether the answer is complete. Raises ConnectionError."""
        block = self.connection.recv(BLOCK)
        if not block:
            raise ConnectionError("the server closed the connection")
        self.answer += block
        head, end, body = self.answer.partition(HEAD_END)
        return bool(end) and len(body) >= content_length(head)


class Poller:
    """All clients, each of which sends a request every `interval` seconds, and their response times."""

    def __init__(self, clients: Sequence[PollingClient], interval: float) -> None:
        self.times: list[float] = []
        self.bad_answers = 0
        self._interval = interval
        self._epoll = select.epoll()
        self._active: dict[int, PollingClient] = {}
        # If two requests are due at the same time, the client that was answered first sends first.
        self._order = count()
        self._scheduled = [(client.due, next(self._order), client) for client in clients]
        heapify(self._scheduled)

    def poll_for(self, seconds: float) -> None:
        """Poll for a number of seconds; discard earlier response times."""
        self.times, self.bad_answers = [], 0
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            while self._scheduled and self._scheduled[0][0] <= now:
                self._start_request(heappop(self._scheduled)[2])
            wait = self._scheduled[0][0] - now if self._scheduled else MAX_WAIT_SECONDS
            for descriptor, events in self._epoll.poll(max(min(wait, MAX_WAIT_SECONDS), 0)):
                self._handle(self._active[descriptor], events)

    def _start_request(self, client: PollingClient) -> None:
        descriptor = client.connection.fileno()
        self._active[descriptor] = client
        self._epoll.register(descriptor, select.EPOLLOUT)

    def _handle(self, client: PollingClient, events: int) -> None:
        descriptor = client.connection.fileno()
        try:
            if events & select.EPOLLOUT:
                client.send_request()
                self._epoll.modify(descriptor, select.EPOLLIN)
            elif client.receive():
                self._unregister(descriptor)
                self._finish(client)
        except (ConnectionError, TimeoutError):
            # A server may close a kept-alive connection at any time; the client sends the request again.
            self._unregister(descriptor)
            client.connection.close()
            client.connect()
            self._start_request(client)

    def _finish(self, client: PollingClient) -> None:
        now = time.perf_counter()
        self.times.append(now - client.due)
        self.bad_answers += not client.answer.startswith(STATUS_OK)
        client.due = client.due + self._interval if self._interval else now
        heappush(self._scheduled, (client.due, next(self._order), client))

    def _unregister(self, descriptor: int) -> None:
        self._epoll.unregister(descriptor)
        del self._active[descriptor]


def content_length(head: bytes) -> int:
    """Return the Content-Length of a response head; raises ValueError if there is none."""
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    raise ValueError(f"an answer without Content-Length: {head!r}")


def main(host: str, port: str, clients: str, seconds: str, warm_up: str, interval: str) -> None:
    """Poll, and print the figures."""
    paths = sys.stdin.read().split()
    number, spacing = int(clients), float(interval)
    requests = (f"GET {paths[each % len(paths)]} HTTP/1.1\r\nHost: {host}\r\n\r\n" for each in range(number))
    polling_clients = [PollingClient((host, int(port)), request.encode()) for request in requests]
    begun = time.perf_counter()
    for index, client in enumerate(polling_clients):
        client.due = begun + spacing * index / number
    poller = Poller(polling_clients, spacing)
    poller.poll_for(float(warm_up))
    begun, used = time.perf_counter(), cpu_seconds()
    poller.poll_for(float(seconds))
    took, used = time.perf_counter() - begun, cpu_seconds() - used
    print(json.dumps(figures(poller, took, used)))


def figures(poller: Poller, seconds: float, cpu: float) -> dict[str, float]:
    """Return the figures of a poll that took `seconds` and `cpu` seconds of a core; exits if too few were answered."""
    if len(poller.times) < MIN_ANSWERS:
        sys.exit(f"only {len(poller.times)} requests were answered in {seconds:.1f} s")
    percentiles = statistics.quantiles(poller.times, n=100)
    return {
        "answers": len(poller.times) / seconds,
        "p50": percentiles[49] * 1000,
        "p99": percentiles[98] * 1000,
        "the poller": cpu / seconds,
        "bad answers": poller.bad_answers,
    }


def cpu_seconds() -> float:
    """Return the CPU time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(*sys.argv[1:])
