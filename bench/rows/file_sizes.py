"""Whole jobs of one file of 1 GiB and more, with the built-in services: rate, and the largest memory of each program.

The limit is two copies, both synced: from a socket to a file, and from file to file. The original is measured at 1 GiB.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from bench.bundles import bundle_in
from bench.client import send_file
from bench.contestants.copying import copy_large
from bench.contestants.original import OriginalService
from bench.contestants.programs import program
from bench.contestants.receiver import SIZE
from bench.jobs import empty, empty_core_archive, original_job, our_job
from bench.measuring import Figures, Line
from bench.memory import largest_memory
from bench.rows.file_counts import memory_line
from bench.stages import WHOLE
from bench.surroundings import Surroundings

NAME = "file_sizes"
TITLE = "Whole jobs of one file"
LIMIT_IS = "socket to file to file, fsync"
GIBIBYTE = 1024**3
ROUNDS = {1: 3}
LARGE_ROUNDS = {8: 1, 32: 1}
# Spool and archive, and some more.
ROOM = 2.1
MEGABYTE = 1e6
LEAST_SECONDS, SECONDS_A_GIBIBYTE = 120, 60


def measure(bench: Surroundings) -> Iterator[Line]:
    """Measure each size."""
    for gibibytes, rounds in {**ROUNDS, **(LARGE_ROUNDS if bench.large else {})}.items():
        if shutil.disk_usage(bench.folder).free < ROOM * gibibytes * GIBIBYTE:
            yield Line(f"{gibibytes} GiB: whole job", "MB/s", {}, note="not measured: no room on the disk")
            continue
        with bundle_in(bench.folder, 1, gibibytes * GIBIBYTE) as bundle:
            yield from _lines(bench, bundle, gibibytes, rounds)


def _lines(bench: Surroundings, bundle: Path, gibibytes: int, rounds: int) -> Iterator[Line]:
    stack = bench.ours.stack("built-in")
    copies = bench.folder / "copies"
    copies.mkdir(exist_ok=True)
    patience = LEAST_SECONDS + gibibytes * SECONDS_A_GIBIBYTE
    used: dict[str, float] = {}

    def rate(seconds: float) -> Figures:
        return {WHOLE: gibibytes * GIBIBYTE / seconds / MEGABYTE}

    def ours() -> Figures:
        with largest_memory([bench.ours.process()]) as found:
            took = our_job(bench.ours, bundle, patience)[WHOLE]
        used.update({name: max(size, used.get(name, 0)) for name, size in found.items()})
        empty(stack.home / "archive")
        return rate(took)

    def original(service: OriginalService) -> Figures:
        took = original_job(service, bundle, patience)[WHOLE]
        empty_core_archive(bench.core())
        return rate(took)

    def limit() -> Figures:
        begun = time.monotonic()
        send_file(address, SIZE.pack(bundle.stat().st_size), bundle)
        copy_large(bundle, copies / "copy")
        took = time.monotonic() - begun
        empty(copies)
        return rate(took)

    with program("bench.contestants.receiver", str(copies)) as address:
        turns = bench.take_turns(rounds, ours, limit, original if gibibytes in ROUNDS else None)
    yield Line(f"{gibibytes} GiB: whole job", "MB/s", turns.samples[WHOLE], lower_is_better=False)
    yield memory_line(f"{gibibytes} GiB", used)
