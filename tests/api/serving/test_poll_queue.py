"""Polls share a thread; further threads help while it is stalled, and every connection returns to the loop."""

import math
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest

from api.serving import poll_queue
from api.serving.client_socket import ClientSocket
from api.serving.connection import Connection
from api.serving.poll_queue import PollQueue
from tools.waiting import wait_until

SECONDS = 30


@dataclass
class Worker:
    """A loop and its threads; a request is a text here, and its name says how it is handled."""

    pool: ThreadPoolExecutor
    may_continue: threading.Event = field(default_factory=threading.Event)
    calls: SimpleQueue[Callable[[], None]] = field(default_factory=SimpleQueue)
    threads: list[str] = field(default_factory=list)
    finished: list[tuple[str, bool]] = field(default_factory=list)
    sockets: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = PollQueue(self.announce, self.pool.submit, self.handle, self.finish, self.calls.put)

    @property
    def is_waiting(self) -> bool:
        return self.queue.longest_pause < math.inf

    def connect(self, request: str) -> Any:
        """Return a connection on which a request has arrived."""
        ours, theirs = socket.socketpair()
        self.sockets += [ClientSocket(fileno=ours.detach()), theirs]
        return SimpleNamespace(handled=request.encode(), sock=self.sockets[-2])

    def add(self, *requests: str) -> None:
        """Add requests, all of which are polls."""
        for request in requests:
            assert self.queue.add(self.connect(request))

    def announce(self, head: bytes) -> str | None:
        return None if head == b"no poll" else head.decode()

    def finish(self, connection: Connection, stays_open: bool) -> None:
        self.finished.append((connection.handled.decode(), stays_open))

    def handle(self, connection: Connection) -> bool:
        request = connection.handled.decode()
        assert connection.sock.announced == request
        self.threads.append(threading.current_thread().name)
        if request == "blocked":
            assert self.may_continue.wait(SECONDS)
        if request == "exit":
            raise SystemExit
        return request != "last"

    def run_until_finished(self, count: int) -> None:
        """Run the loop until a number of requests has been finished in it."""
        while len(self.finished) < count:
            self.calls.get(timeout=SECONDS)()


@pytest.fixture
def worker() -> Iterator[Worker]:
    with ThreadPoolExecutor(8) as pool:
        worker = Worker(pool)
        yield worker
        worker.may_continue.set()
    for each in worker.sockets:
        each.close()


def test_one_thread_handles_all_in_their_order(worker: Worker) -> None:
    requests = ["blocked", *map(str, range(50)), "last"]
    worker.add(*requests)
    worker.may_continue.set()
    worker.run_until_finished(len(requests))
    assert worker.finished == [(request, request != "last") for request in requests]
    assert len(set(worker.threads)) == 1


def test_a_request_that_is_no_poll_is_left_to_the_worker(worker: Worker) -> None:
    assert not worker.queue.add(worker.connect("no poll"))
    assert not worker.is_waiting


def test_the_thread_ends_and_another_one_begins(worker: Worker) -> None:
    for count in range(1, 20):
        worker.add(str(count))
        worker.run_until_finished(count)
    assert not worker.is_waiting


def test_a_stalled_request_does_not_delay_the_others(worker: Worker) -> None:
    worker.add("blocked", "first", "second")
    wait_until(lambda: bool(worker.threads), SECONDS, lambda: "no thread begins")
    worker.queue.help_stalled(-math.inf)
    assert worker.is_waiting
    worker.queue.help_stalled(math.inf)
    worker.run_until_finished(2)
    assert worker.finished == [("first", True), ("second", True)]
    worker.may_continue.set()
    worker.run_until_finished(3)


def test_the_number_of_threads_is_limited(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll_queue, "MOST_THREADS", 2)
    worker.add("blocked", "blocked", "blocked")
    for _ in range(5):
        worker.queue.help_stalled(math.inf)
    wait_until(lambda: len(worker.threads) == 2, SECONDS, lambda: "a thread does not begin")
    assert worker.is_waiting
    worker.may_continue.set()
    worker.run_until_finished(3)
    assert len(set(worker.threads)) == 2


def test_no_thread_helps_when_nothing_waits(worker: Worker) -> None:
    worker.add("blocked")
    wait_until(lambda: bool(worker.threads), SECONDS, lambda: "no thread begins")
    worker.queue.help_stalled(math.inf)
    worker.may_continue.set()
    worker.run_until_finished(1)
    assert len(worker.threads) == 1


def test_a_request_that_ends_its_thread_closes_only_its_connection(worker: Worker) -> None:
    worker.add("exit", "next")
    worker.run_until_finished(2)
    assert worker.finished == [("exit", False), ("next", True)]
    worker.add("later")
    worker.run_until_finished(3)


def test_the_loop_is_woken_once_for_all_that_were_handled_meanwhile(worker: Worker) -> None:
    worker.add(*map(str, range(50)))
    wait_until(lambda: len(worker.threads) == 50 and not worker.queue._threads, SECONDS, lambda: "not all are handled")
    worker.run_until_finished(50)
    assert worker.calls.empty()
