"""Whole jobs of many files of 1 KiB, with the built-in services: time, cost of a file, largest memory of each program.

The limit is a plain copy that is synced, a thousand files at a time. The original is measured up to 10,000 files, with our
stack stopped, because it takes a minute for them.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from bench.bundles import bundle_in
from bench.contestants.copying import copy_small
from bench.contestants.original import OriginalService
from bench.jobs import empty, empty_core_archive, original_job, our_job
from bench.measuring import LIMIT, ORIGINAL, OURS, Figures, Line, Samples
from bench.memory import largest_memory
from bench.stages import WHOLE
from bench.surroundings import Surroundings

NAME = "file_counts"
TITLE = "Whole jobs of many files of 1 KiB"
LIMIT_IS = "file to file, synced"
BYTES = 1024
ROUNDS = {1_000: 3, 10_000: 3, 100_000: 1}
LARGE_ROUNDS = {1_000_000: 1}
LARGEST_OF_ORIGINAL = 10_000
MICROSECONDS = 1e6
SECONDS_A_FILE = 0.02
LEAST_SECONDS = 180
CURVE = "cost of a file"


def measure(bench: Surroundings) -> Iterator[Line]:
    """Measure each number of files."""
    memory: list[Line] = []
    for files, rounds in {**ROUNDS, **(LARGE_ROUNDS if bench.large else {})}.items():
        with bundle_in(bench.folder, files, BYTES) as bundle:
            samples, used = _ours_and_limit(bench, bundle, files, rounds)
            if files <= LARGEST_OF_ORIGINAL and (original := bench.original()):
                bench.ours.stop()
                samples[ORIGINAL] = [_original(bench, original, bundle, files)]
        yield Line(f"{files:,} files: whole job", "s", samples)
        each = {name: [took / files * MICROSECONDS for took in all_took] for name, all_took in samples.items()}
        yield Line(f"{files:,} files: cost of a file", "µs", each, curve=CURVE, at=files)
        memory.append(memory_line(f"{files:,} files", used))
    yield from memory


def memory_line(what: str, used: dict[str, float]) -> Line:
    """The largest process of ours, with all others in a note."""
    by_size = sorted(used.items(), key=lambda each: -each[1])
    note = ", ".join(f"{name} {size:.0f}" for name, size in by_size)
    return Line(f"{what}: largest memory of a process", "MiB", {OURS: [by_size[0][1]]}, note=note)


def _ours_and_limit(bench: Surroundings, bundle: Path, files: int, rounds: int) -> tuple[Samples, dict[str, float]]:
    stack = bench.ours.stack("built-in")
    copies = bench.folder / "copies"
    copies.mkdir(exist_ok=True)
    used: dict[str, float] = {}

    def ours() -> Figures:
        with largest_memory([bench.ours.process()]) as found:
            took = our_job(bench.ours, bundle, _patience(files))[WHOLE]
        used.update({name: max(size, used.get(name, 0)) for name, size in found.items()})
        empty(stack.home / "archive")
        return {WHOLE: took}

    def limit() -> Figures:
        begun = time.monotonic()
        copy_small(bundle, copies, files, BYTES)
        took = time.monotonic() - begun
        empty(copies)
        return {WHOLE: took}

    samples = bench.take_turns(rounds, ours, limit).samples[WHOLE]
    return {OURS: samples[OURS], LIMIT: samples[LIMIT]}, used


def _original(bench: Surroundings, original: OriginalService, bundle: Path, files: int) -> float:
    took = original_job(original, bundle, _patience(files))[WHOLE]
    empty_core_archive(bench.core())
    return took


def _patience(files: int) -> float:
    return LEAST_SECONDS + files * SECONDS_A_FILE
