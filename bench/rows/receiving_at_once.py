"""Receiving eight bundles of 256 MiB at once; the rate is that of all together."""

from collections.abc import Iterator

from bench.measuring import Line
from bench.rows.receiving import measure_receiving
from bench.surroundings import Surroundings

NAME = "receiving_at_once"
TITLE = "Receiving 8 x 256 MiB at once"
LIMIT_IS = "8 sockets to files, fsync"
ROUNDS = 3
BYTES = 256 * 1024**2
AT_ONCE = 8


def measure(bench: Surroundings) -> Iterator[Line]:
    """Measure it."""
    return measure_receiving(bench, ROUNDS, BYTES, AT_ONCE)
