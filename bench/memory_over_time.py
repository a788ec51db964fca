"""`python -m bench.memory_over_time MINUTES [FOLDER]`: the memory of every process of a stack under steady load.

Run by `make bench-memory`. Uploads tiny bundles without a pause, and samples the memory of all processes every few seconds:
PSS, in which shared pages count in parts, so that the sum of all processes is what the stack takes. Prints a table of the
second and the last quarter of the time, writes all samples to `build/bench/memory.csv`, and draws the plot of
docs/explanation/performance.md. A process that lives for the whole time has a curve of its own; the tasks, which
live for a second, and PostgreSQL's processes are one curve each.
"""

import csv
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean

import psutil
from urllib3.exceptions import HTTPError

from bench.client import Client
from bench.environment import bench_binaries
from bench.memory import MEBIBYTE, program_name
from bench.systems.freezing import tree
from bench.table import PAGE
from bench.testbed import Testbed
from ingest.local.layout import PROJECT
from ingest.local.sample import make_bundle

SAMPLE_SECONDS = 5.0
JOB_SECONDS = 300
# Jobs in progress: enough to keep all of Airflow's workers busy.
UPLOADERS = 6
SAMPLES = PROJECT / "build" / "bench" / "memory.csv"
PLOT = "performance-memory.svg"
COLUMNS = ("minute", "process", "mebibytes")
# Many short processes: their sum is one curve.
SUMMED = frozenset({"task", "PostgreSQL", "other"})
Sample = tuple[float, str, float]


def main(minutes: float, folder: Path) -> None:
    """Run the load, and report."""
    with Testbed(folder) as testbed:
        stack = testbed.this_service.stack("memory")
        ended, counts = threading.Event(), [0] * UPLOADERS
        uploaders = [
            threading.Thread(target=_upload_until, args=(ended, stack.api, counts, number), daemon=True)
            for number in range(UPLOADERS)
        ]
        for uploader in uploaders:
            uploader.start()
        samples = _sample(testbed.this_service.launcher_id(), minutes)
        ended.set()
        for uploader in uploaders:
            uploader.join(JOB_SECONDS)
    _write(samples)
    print(f"{sum(counts)} jobs in {minutes:g} minutes")
    for line in summary(samples):
        print(line)
    plot = [str(bench_binaries() / "python"), "-m", "bench.memory_plot", str(SAMPLES), str(PAGE.with_name(PLOT))]
    subprocess.run(plot, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}, check=True)


def summary(samples: Sequence[Sample]) -> list[str]:
    """Return a Markdown table: the mean memory of each process in the second and in the last quarter of the time."""
    duration = max(minute for minute, _, _ in samples)
    figures: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for minute, process, size in samples:
        figures[process].append((minute / duration, size))
    lines = ["| Process | second quarter | last quarter | largest |", "|---|---|---|---|"]
    for process, points in sorted(figures.items()):
        second, last = ([size for at, size in points if min(int(at * 4), 3) == quarter] for quarter in (1, 3))
        if second and last:
            largest = max(size for _, size in points)
            lines.append(f"| {process} | {mean(second):.1f} MiB | {mean(last):.1f} MiB | {largest:.1f} MiB |")
    return lines


def _upload_until(ended: threading.Event, api: str, counts: list[int], number: int) -> None:
    client = Client(api)
    bundle = make_bundle({"tiny.txt": b"tiny\n"}, datetime.now(UTC))
    while not ended.is_set():
        # A busy machine answers late or with 503 (RuntimeError), and the load must not end then.
        with suppress(HTTPError, TimeoutError, RuntimeError):
            client.wait_until_complete(client.post(bundle), JOB_SECONDS)
            counts[number] += 1


def _sample(launcher: int, minutes: float) -> list[Sample]:
    samples: list[Sample] = []
    begun = time.monotonic()
    while (now := time.monotonic() - begun) < minutes * 60:
        sizes: dict[str, float] = defaultdict(float)
        for process in tree(launcher):
            # The process may have ended.
            with suppress(psutil.Error):
                name = program_name(" ".join(process.cmdline()))
                curve = name if name in SUMMED else f"{name} {process.pid}"
                sizes[curve] += process.memory_full_info().pss / MEBIBYTE
        samples += [(now / 60, curve, size) for curve, size in sizes.items()]
        time.sleep(SAMPLE_SECONDS)
    return samples


def _write(samples: Sequence[Sample]) -> None:
    SAMPLES.parent.mkdir(parents=True, exist_ok=True)
    with SAMPLES.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((f"{minute:.3f}", process, f"{size:.2f}") for minute, process, size in samples)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as working_folder:
        main(float(sys.argv[1]), Path(working_folder))
