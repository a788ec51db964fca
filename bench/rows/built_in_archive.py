"""Ingest into the built-in archive: 1,000 files of 4 KiB, and one file of 1 GiB; stored files are synced.

The row measures the stage `ingest_files` by the ledger's events. The limit is a plain synced copy: the large file is synced
by itself, the small files all together before they get their names.

Small files are removed only after the last run: for a minute or longer, ext4 searches all recently removed inodes whenever
it creates a file.
"""

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from bench.bundles import temporary_bundle
from bench.jobs import empty_folder, run_job
from bench.measurements import Figures, Line
from bench.stages import FILES
from bench.systems.copying import copy_large, copy_small
from bench.testbed import CONSECUTIVE_RUNS, Testbed

NAME = "built_in_archive"
TITLE = "Ingest into the built-in archive"
LIMIT_LABEL = "file to file, synced"
ROUNDS = 3
SMALL_FILES, SMALL_BYTES = 1000, 4096
LARGE_BYTES = 1024**3
MEGABYTE = 1e6
JOB_SECONDS = 120
Copy = Callable[[Path, Path], None]


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure the small files and the large file."""
    yield _line(
        testbed, (SMALL_FILES, SMALL_BYTES), SMALL_FILES, "1,000 files of 4 KiB: rate of the stage", "files/s",
        lambda bundle, folder: copy_small(bundle, folder, SMALL_FILES, SMALL_BYTES),
    )  # fmt: skip
    yield _line(
        testbed, (1, LARGE_BYTES), LARGE_BYTES / MEGABYTE, "one file of 1 GiB: rate of the stage", "MB/s",
        lambda bundle, folder: copy_large(bundle, folder / "copy"),
    )  # fmt: skip


def _line(testbed: Testbed, files: tuple[int, int], amount: float, what: str, unit: str, copy: Copy) -> Line:
    stack = testbed.this_service.stack("built-in")
    archive, copies, runs = stack.home / "archive", testbed.folder / "copies", count()
    is_large = files[0] == 1
    with temporary_bundle(testbed.folder, *files) as bundle:

        def measure_this_service() -> Figures:
            took = run_job(testbed.this_service, bundle, JOB_SECONDS)[FILES]
            if is_large:
                empty_folder(archive)
            return {FILES: amount / took}

        def measure_limit() -> Figures:
            folder = copies / str(next(runs))
            folder.mkdir(parents=True)
            begun = time.monotonic()
            copy(bundle, folder)
            took = time.monotonic() - begun
            if is_large:
                empty_folder(copies)
            return {FILES: amount / took}

        measurements = testbed.compare(ROUNDS, measure_this_service, measure_limit, runs=CONSECUTIVE_RUNS)
    empty_folder(archive)
    empty_folder(copies)
    return Line(what, unit, measurements.samples[FILES], lower_is_better=False)
