"""Whole jobs of many files of 1 KiB, with the built-in services: time, cost of a file, peak memory of each program.

The limit is a plain copy, synced for each thousand files. The original service is measured up to 10,000 files. It takes a
minute for them, and our stack cannot be frozen for so long; therefore it is stopped.

Files are removed only at the end: for a minute or longer, ext4 searches all recently removed inodes whenever it creates a
file.
"""

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from bench.bundles import temporary_bundle
from bench.jobs import empty_core_archive, empty_folder, run_job, run_original_job
from bench.measurements import MACHINE_LIMIT, ORIGINAL_SERVICE, THIS_SERVICE, Figures, Line, Samples
from bench.memory import peak_memory
from bench.stages import WHOLE
from bench.systems.copying import copy_small
from bench.systems.original_service import OriginalService
from bench.testbed import Testbed

NAME = "file_counts"
TITLE = "Whole jobs of many files of 1 KiB"
LIMIT_LABEL = "file to file, synced"
BYTES = 1024
ROUNDS = {1_000: 3, 10_000: 3, 100_000: 1}
LARGE_ROUNDS = {1_000_000: 1}
MAX_ORIGINAL_FILES = 10_000
MICROSECONDS = 1e6
TIMEOUT_SECONDS_PER_FILE = 0.02
MIN_TIMEOUT_SECONDS = 180
CURVE = "cost of a file"


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure each number of files."""
    memory: list[Line] = []
    archive, copies = testbed.this_service.stack("built-in").home / "archive", testbed.folder / "copies"
    copies.mkdir(exist_ok=True)
    for files, rounds in {**ROUNDS, **(LARGE_ROUNDS if testbed.large else {})}.items():
        with temporary_bundle(testbed.folder, files, BYTES) as bundle:
            samples, peaks = _this_service_and_limit(testbed, bundle, copies, files, rounds)
            if files <= MAX_ORIGINAL_FILES and (original := testbed.original()):
                testbed.this_service.stop()
                samples[ORIGINAL_SERVICE] = [_measure_original(testbed, original, bundle, files)]
        yield Line(f"{files:,} files: whole job", "s", samples)
        costs = {name: [took / files * MICROSECONDS for took in seconds] for name, seconds in samples.items()}
        yield Line(f"{files:,} files: cost of a file", "µs", costs, curve=CURVE, at=files)
        memory.append(memory_line(f"{files:,} files", peaks))
    yield from memory
    empty_folder(archive)
    empty_folder(copies)


def memory_line(what: str, peaks: dict[str, float]) -> Line:
    """Return a line with the largest process of our stack; its note lists the peak of each program."""
    by_size = sorted(peaks.items(), key=lambda peak: -peak[1])
    note = ", ".join(f"{name} {size:.0f}" for name, size in by_size)
    return Line(f"{what}: largest memory of a process", "MiB", {THIS_SERVICE: [by_size[0][1]]}, note=note)


def _this_service_and_limit(
    testbed: Testbed, bundle: Path, copies: Path, files: int, rounds: int
) -> tuple[Samples, dict[str, float]]:
    testbed.this_service.stack("built-in")
    runs, peaks = count(), dict[str, float]()

    def measure_this_service() -> Figures:
        with peak_memory([testbed.this_service.launcher_id()], peaks):
            took = run_job(testbed.this_service, bundle, _timeout(files))[WHOLE]
        return {WHOLE: took}

    def measure_limit() -> Figures:
        folder = copies / f"{files}-{next(runs)}"
        begun = time.monotonic()
        copy_small(bundle, folder, files, BYTES)
        return {WHOLE: time.monotonic() - begun}

    samples = testbed.compare(rounds, measure_this_service, measure_limit).samples[WHOLE]
    return {THIS_SERVICE: samples[THIS_SERVICE], MACHINE_LIMIT: samples[MACHINE_LIMIT]}, peaks


def _measure_original(testbed: Testbed, original: OriginalService, bundle: Path, files: int) -> float:
    took = run_original_job(original, bundle, _timeout(files))[WHOLE]
    empty_core_archive(testbed.core())
    return took


def _timeout(files: int) -> float:
    return MIN_TIMEOUT_SECONDS + files * TIMEOUT_SECONDS_PER_FILE
