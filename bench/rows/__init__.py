"""What is measured: a module each, in the order of the table and of the run."""

from collections.abc import Iterator
from importlib import import_module
from typing import Protocol, cast

from bench.measuring import Line
from bench.surroundings import Surroundings

NAMES = (
    "tiny", "tiny_at_once", "receiving", "receiving_at_once", "built_in_archive", "file_counts", "file_sizes", "get_state",
    "start", "real_archive_large", "real_archive_small",
)  # fmt: skip


class Row(Protocol):
    """One row: its name, its title, what its limit is, and how it is measured."""

    NAME: str
    TITLE: str
    LIMIT_IS: str

    def measure(self, bench: Surroundings) -> Iterator[Line]:
        """Give the lines as they come."""
        ...


def row(name: str) -> Row:
    """Give a row by its name; raises KeyError for one that there is not."""
    if name not in NAMES:
        raise KeyError(name)
    return cast(Row, import_module(f"{__name__}.{name}"))
