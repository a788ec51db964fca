"""The rows of the table: one module each, in the order of the table and of the run."""

from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast

from bench.measurements import Line
from bench.testbed import Testbed

NAMES = (
    "tiny", "tiny_at_once", "receiving", "receiving_at_once", "resumable", "built_in_archive", "file_counts", "file_sizes",
    "get_state", "jobs_list", "follow_jobs", "notifications", "receipts", "after_outage", "growth", "open_pages",
    "traces", "start", "real_archive_large", "real_archive_small", "stage_costs", "ceiling", "worker_hosts",
)  # fmt: skip


class Row(Protocol):
    """One row: its name, its title, a description of its limit, and its measurement."""

    NAME: str
    TITLE: str
    LIMIT_LABEL: str

    def measure(self, testbed: Testbed) -> Iterator[Line]:
        """Yield each line as soon as it is measured."""
        ...


def row(name: str) -> Row:
    """Return the row with this name; raises KeyError if there is none."""
    if name not in NAMES:
        raise KeyError(name)
    return cast(Row, import_module(f"{__name__}.{name}"))
