"""Whole jobs of one file of 1 GiB and more, with the built-in services: rate, and the peak memory of each program.

The limit is two synced copies: from a socket to a file, and from file to file. The original service is
measured only at 1 GiB.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from bench.bundles import temporary_bundle
from bench.client import send_file
from bench.jobs import empty_core_archive, empty_folder, run_job, run_original_job
from bench.measurements import Figures, Line
from bench.memory import peak_memory
from bench.rows.file_counts import memory_line
from bench.stages import WHOLE
from bench.systems.copying import copy_large
from bench.systems.original_service import OriginalService
from bench.systems.programs import running_server
from bench.systems.receiver import SIZES
from bench.testbed import Testbed

NAME = "file_sizes"
TITLE = "Whole jobs of one file"
LIMIT_LABEL = "socket to file to file, fsync"
GIBIBYTE = 1024**3
ROUNDS = {1: 3}
LARGE_ROUNDS = {8: 1, 32: 1}
# The spool, the archive, and a reserve.
REQUIRED_SPACE_FACTOR = 2.1
MEGABYTE = 1e6
MIN_TIMEOUT_SECONDS, TIMEOUT_SECONDS_PER_GIBIBYTE = 120, 60


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure each size."""
    for gibibytes, rounds in {**ROUNDS, **(LARGE_ROUNDS if testbed.large else {})}.items():
        if shutil.disk_usage(testbed.folder).free < REQUIRED_SPACE_FACTOR * gibibytes * GIBIBYTE:
            yield Line(f"{gibibytes} GiB: whole job", "MB/s", {}, note="not measured: not enough free disk space")
            continue
        with temporary_bundle(testbed.folder, 1, gibibytes * GIBIBYTE) as bundle:
            yield from _lines(testbed, bundle, gibibytes, rounds)


def _lines(testbed: Testbed, bundle: Path, gibibytes: int, rounds: int) -> Iterator[Line]:
    stack = testbed.this_service.stack("built-in")
    copies = testbed.folder / "copies"
    copies.mkdir(exist_ok=True)
    timeout = MIN_TIMEOUT_SECONDS + gibibytes * TIMEOUT_SECONDS_PER_GIBIBYTE
    peaks: dict[str, float] = {}

    def rate(seconds: float) -> Figures:
        return {WHOLE: gibibytes * GIBIBYTE / seconds / MEGABYTE}

    def measure_this_service() -> Figures:
        with peak_memory([testbed.this_service.launcher_id()], peaks):
            took = run_job(testbed.this_service, bundle, timeout)[WHOLE]
        empty_folder(stack.home / "archive")
        return rate(took)

    def measure_original(service: OriginalService) -> Figures:
        took = run_original_job(service, bundle, timeout)[WHOLE]
        empty_core_archive(testbed.core())
        return rate(took)

    def measure_limit() -> Figures:
        begun = time.monotonic()
        send_file(address, SIZES.pack(*[bundle.stat().st_size] * 2), bundle)
        copy_large(bundle, copies / "copy")
        took = time.monotonic() - begun
        empty_folder(copies)
        return rate(took)

    with running_server("bench.systems.receiver", str(copies)) as address:
        measurements = testbed.compare(
            rounds, measure_this_service, measure_limit, measure_original if gibibytes in ROUNDS else None
        )
    yield Line(f"{gibibytes} GiB: whole job", "MB/s", measurements.samples[WHOLE], lower_is_better=False)
    yield memory_line(f"{gibibytes} GiB", peaks)
