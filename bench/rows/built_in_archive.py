"""Ingest into the built-in archive: 1,000 files of 4 KiB, and one file of 1 GiB; what is stored is on the disk.

Measured is the stage `ingest_files` by the ledger's events. The limit is a plain copy that is synced: the large file once,
the small ones all together before they get their names.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.bundles import bundle_in
from bench.contestants.copying import copy_large, copy_small
from bench.jobs import empty, our_job
from bench.measuring import Figures, Line
from bench.stages import FILES
from bench.surroundings import RUNS_IN_A_ROW, Surroundings

NAME = "built_in_archive"
TITLE = "Ingest into the built-in archive"
LIMIT_IS = "file to file, synced"
ROUNDS = 3
SMALL_FILES, SMALL_BYTES = 1000, 4096
LARGE_BYTES = 1024**3
MEGABYTE = 1e6
JOB_SECONDS = 120
Copy = Callable[[Path, Path], None]


def measure(bench: Surroundings) -> Iterator[Line]:
    """Measure both."""
    yield _line(
        bench, (SMALL_FILES, SMALL_BYTES), SMALL_FILES, "1,000 files of 4 KiB: rate of the stage", "files/s",
        lambda bundle, folder: copy_small(bundle, folder, SMALL_FILES, SMALL_BYTES),
    )  # fmt: skip
    yield _line(
        bench, (1, LARGE_BYTES), LARGE_BYTES / MEGABYTE, "one file of 1 GiB: rate of the stage", "MB/s",
        lambda bundle, folder: copy_large(bundle, folder / "copy"),
    )  # fmt: skip


def _line(bench: Surroundings, files: tuple[int, int], amount: float, what: str, unit: str, copy: Copy) -> Line:
    stack = bench.ours.stack("built-in")
    copies = bench.folder / "copies"
    copies.mkdir(exist_ok=True)
    with bundle_in(bench.folder, *files) as bundle:

        def ours() -> Figures:
            took = our_job(bench.ours, bundle, JOB_SECONDS)[FILES]
            empty(stack.home / "archive")
            return {FILES: amount / took}

        def limit() -> Figures:
            begun = time.monotonic()
            copy(bundle, copies)
            took = time.monotonic() - begun
            empty(copies)
            return {FILES: amount / took}

        turns = bench.take_turns(ROUNDS, ours, limit, runs=RUNS_IN_A_ROW)
    return Line(what, unit, turns.samples[FILES], lower_is_better=False)
