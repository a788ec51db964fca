"""The start of the whole stack, as `make run` starts it, until it is ready, in a folder that it has used before."""

from collections.abc import Iterator

from bench.measurements import THIS_SERVICE, Line
from bench.testbed import Testbed

NAME = "start"
TITLE = "Start of the whole stack, until it is ready"
LIMIT_LABEL = ""
ROUNDS = 3


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure the start."""
    testbed.this_service.stack("built-in")
    seconds = []
    for _ in range(ROUNDS):
        testbed.this_service.stop()
        testbed.this_service.stack("built-in")
        seconds.append(testbed.this_service.start_seconds)
    yield Line("second start", "s", {THIS_SERVICE: seconds})
