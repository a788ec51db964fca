"""Receiving: from the first byte of a POST to its answer; what ours has answered is on the disk.

The limit is a bare socket whose bytes are written to a file and synced (`contestants.receiver`). What is sent is no tar, so
that the jobs end at once and take nothing from what is measured next.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from bench.client import Client, send_file
from bench.contestants.original import OriginalService
from bench.contestants.programs import program
from bench.contestants.receiver import SIZE
from bench.measuring import Figures, Line
from bench.surroundings import RUNS_IN_A_ROW, Surroundings

NAME = "receiving"
TITLE = "Receiving 1 GiB"
LIMIT_IS = "socket to file, fsync"
ROUNDS = 3
BYTES = 1024**3
BLOCK = 1024**2
MEGABYTE = 1e6
Answer = TypeVar("Answer")
RATE = "rate"
JOB_SECONDS = 60


def measure(bench: Surroundings) -> Iterator[Line]:
    """Measure it."""
    return measure_receiving(bench, ROUNDS, BYTES, 1)


def measure_receiving(bench: Surroundings, rounds: int, size: int, at_once: int) -> Iterator[Line]:
    """Measure so many uploads of so many bytes at once; the rate is that of all together."""
    bench.ours.stack("built-in")
    folder = bench.folder / "received"
    folder.mkdir(exist_ok=True)
    with file_of(bench.folder / "sent", size) as sent, program("bench.contestants.receiver", str(folder)) as address:

        def ours() -> Figures:
            figures = upload(bench.ours.client(), sent, at_once)
            bench.ours.remove_bundles()
            return figures

        def original(service: OriginalService) -> Figures:
            figures = upload(service.client, sent, at_once)
            service.remove_bundles()
            return figures

        def limit() -> Figures:
            return rate_of(lambda: send_file(address, SIZE.pack(size), sent), size, at_once)[0]

        turns = bench.take_turns(rounds, ours, limit, original, runs=RUNS_IN_A_ROW)
        yield from turns.lines("MB/s", lower_is_better=False)


def upload(client: Client, sent: Path, at_once: int) -> Figures:
    """Post a file that is no tar; gives the rate, when the jobs have failed as they must."""
    figures, jobs = rate_of(lambda: client.post_file(sent), sent.stat().st_size, at_once)
    for job in jobs:
        client.follow(job, JOB_SECONDS)
    return figures


def rate_of(send: Callable[[], Answer], size: int, at_once: int) -> tuple[Figures, list[Answer]]:
    """Send so many at once; gives the rate of all together, in MB/s, and what was answered."""
    with ThreadPoolExecutor(at_once) as pool:
        begun = time.monotonic()
        answers = [sending.result() for sending in [pool.submit(send) for _ in range(at_once)]]
        seconds = time.monotonic() - begun
    return {RATE: size * at_once / seconds / MEGABYTE}, answers


@contextmanager
def file_of(path: Path, size: int) -> Iterator[Path]:
    """A file of random bytes, in the page cache and on the disk; it is removed afterwards."""
    block = os.urandom(BLOCK)
    try:
        with path.open("wb") as file:
            for _ in range(size // BLOCK):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)
