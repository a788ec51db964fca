"""The peak memory of every program while a block runs: the resident memory that it does not share.

Called by the rows.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil

from bench.systems.freezing import tree

SAMPLE_SECONDS = 0.5
MEBIBYTE = 2**20
# Program names by a part of the command line; the first match applies.
PROGRAMS = {
    "airflow api": "api-server", "airflow scheduler": "scheduler", "airflow dag-processor": "dag-processor",
    "airflow worker": "task", "gunicorn": "API", "postgres": "PostgreSQL", "celery": "worker", "pacifica-ingest": "server",
    "supervisord": "supervisord", "ingest.local": "launcher",
}  # fmt: skip


@contextmanager
def peak_memory(roots: Sequence[int], peaks: dict[str, float]) -> Iterator[None]:
    """Sample memory twice a second, and raise each program's peak in `peaks` to the MiB of its largest process.

    `roots` are process IDs; all their descendants are included.
    """
    ended = threading.Event()
    sampler = threading.Thread(target=_sample_until, args=(ended, roots, peaks), daemon=True)
    sampler.start()
    try:
        yield
    finally:
        ended.set()
        sampler.join()


def _sample_until(ended: threading.Event, roots: Sequence[int], peaks: dict[str, float]) -> None:
    while not ended.wait(SAMPLE_SECONDS):
        for root in roots:
            with suppress(psutil.Error):
                for process in tree(root):
                    _sample(process, peaks)


def _sample(process: psutil.Process, peaks: dict[str, float]) -> None:
    with suppress(psutil.Error):
        used, name = process.memory_info(), program_name(" ".join(process.cmdline()))
        peaks[name] = max(peaks.get(name, 0), (used.rss - used.shared) / MEBIBYTE)


def program_name(command: str) -> str:
    """Return the name of the program with this command line."""
    return next((name for part, name in PROGRAMS.items() if part in command), "other")
