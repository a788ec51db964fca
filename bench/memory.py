"""The largest memory of every program while something runs: resident and not shared, which is what a process adds.

Called by the rows.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil

from bench.contestants.freezing import tree

SAMPLE_SECONDS = 0.5
MEBIBYTE = 2**20
# Parts of a command line, and the name that is shown; the first that fits.
NAMES = {
    "airflow api": "api-server", "airflow scheduler": "scheduler", "airflow dag-processor": "dag-processor",
    "airflow worker": "task", "gunicorn": "API", "postgres": "PostgreSQL", "celery": "worker", "pacifica-ingest": "server",
    "supervisord": "supervisord", "ingest.local": "launcher",
}  # fmt: skip


@contextmanager
def largest_memory(roots: Sequence[int]) -> Iterator[dict[str, float]]:
    """Look twice a second, and give the largest process of each name in MiB, complete when the block ends."""
    found: dict[str, float] = {}
    ended = threading.Event()
    looking = threading.Thread(target=_look_until, args=(ended, roots, found), daemon=True)
    looking.start()
    try:
        yield found
    finally:
        ended.set()
        looking.join()


def _look_until(ended: threading.Event, roots: Sequence[int], found: dict[str, float]) -> None:
    while not ended.wait(SAMPLE_SECONDS):
        for root in roots:
            with suppress(psutil.Error):
                for process in tree(root):
                    _look(process, found)


def _look(process: psutil.Process, found: dict[str, float]) -> None:
    with suppress(psutil.Error):
        used, name = process.memory_info(), name_of(" ".join(process.cmdline()))
        found[name] = max(found.get(name, 0), (used.rss - used.shared) / MEBIBYTE)


def name_of(command: str) -> str:
    """The name of a program, by its command line."""
    return next((name for part, name in NAMES.items() if part in command), "other")
