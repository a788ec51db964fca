"""Receiving: from the first byte of a POST to its answer. When this service answers, the bundle is on the disk.

The limit is a bare socket whose bytes are written to a file and synced (`systems.receiver`). The file that is sent is not
a tar file, so its jobs fail immediately and do not disturb the next measurement.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from bench.client import Client, send_file
from bench.measurements import Figures, Line
from bench.systems.original_service import OriginalService
from bench.systems.programs import running_server
from bench.systems.receiver import SIZES
from bench.testbed import CONSECUTIVE_RUNS, Testbed

NAME = "receiving"
TITLE = "Receiving 1 GiB"
LIMIT_LABEL = "socket to file, fsync"
ROUNDS = 3
BYTES = 1024**3
BLOCK = 1024**2
MEGABYTE = 1e6
Answer = TypeVar("Answer")
RATE = "rate"
JOB_SECONDS = 60


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure one upload."""
    return measure_receiving(testbed, ROUNDS, BYTES, 1)


def measure_receiving(testbed: Testbed, rounds: int, size: int, concurrency: int) -> Iterator[Line]:
    """Measure simultaneous uploads of `size` bytes; the rate is the total of all uploads."""
    testbed.this_service.stack("built-in")
    folder = testbed.folder / "received"
    folder.mkdir(exist_ok=True)
    with (
        temporary_file(testbed.folder / "sent", size) as sent,
        running_server("bench.systems.receiver", str(folder)) as address,
    ):

        def measure_this_service() -> Figures:
            figures = upload_rate(testbed.this_service.client(), sent, concurrency)
            testbed.this_service.remove_bundles()
            return figures

        def measure_original(service: OriginalService) -> Figures:
            figures = upload_rate(service.client, sent, concurrency)
            service.remove_bundles()
            return figures

        def measure_limit() -> Figures:
            return measure_rate(lambda: send_file(address, SIZES.pack(size, size), sent), size, concurrency)[0]

        measurements = testbed.compare(
            rounds, measure_this_service, measure_limit, measure_original, runs=CONSECUTIVE_RUNS
        )
        yield from measurements.lines("MB/s", lower_is_better=False)


def upload_rate(client: Client, sent: Path, concurrency: int, header: str = "") -> Figures:
    """Post a file that is not a tar file; return the rate after the jobs have failed as expected."""
    figures, jobs = measure_rate(lambda: client.post_file(sent, header), sent.stat().st_size, concurrency)
    for job in jobs:
        client.wait_for_end(job, JOB_SECONDS)
    return figures


def measure_rate(send: Callable[[], Answer], size: int, concurrency: int) -> tuple[Figures, list[Answer]]:
    """Call `send` in several threads; return the total rate in MB/s, and the answers."""
    with ThreadPoolExecutor(concurrency) as pool:
        begun = time.monotonic()
        answers = [future.result() for future in [pool.submit(send) for _ in range(concurrency)]]
        seconds = time.monotonic() - begun
    return {RATE: size * concurrency / seconds / MEGABYTE}, answers


@contextmanager
def temporary_file(path: Path, size: int) -> Iterator[Path]:
    """Write a file of random bytes, sync it, yield its path, and remove it afterwards; it stays in the page cache."""
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
