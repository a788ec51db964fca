"""Receiving eight bundles of 256 MiB simultaneously; the rate is the total of all uploads."""

from collections.abc import Iterator

from bench.measurements import Line
from bench.rows.receiving import measure_receiving
from bench.testbed import Testbed

NAME = "receiving_at_once"
TITLE = "Receiving 8 x 256 MiB simultaneously"
LIMIT_LABEL = "8 sockets to files, fsync"
ROUNDS = 3
BYTES = 256 * 1024**2
CONCURRENCY = 8


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure the simultaneous uploads."""
    return measure_receiving(testbed, ROUNDS, BYTES, CONCURRENCY)
