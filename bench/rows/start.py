"""The start of everything, as `make run` does it, until it says that it is ready: in a folder that it has been in before."""

from collections.abc import Iterator

from bench.measuring import OURS, Line
from bench.surroundings import Surroundings

NAME = "start"
TITLE = "Start of everything, until it is ready"
LIMIT_IS = ""
ROUNDS = 3


def measure(bench: Surroundings) -> Iterator[Line]:
    """Measure it."""
    bench.ours.stack("built-in")
    seconds = []
    for _ in range(ROUNDS):
        bench.ours.stop()
        bench.ours.stack("built-in")
        seconds.append(bench.ours.start_seconds)
    yield Line("second time", "s", {OURS: seconds})
