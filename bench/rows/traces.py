"""Tiny bundles, from POST to complete: without traces, with traces, and with traces for a collector that is not running.

The settings alternate, and the stack is restarted for each. The original service has no traces.
"""

from collections.abc import Iterator

from bench.measurements import THIS_SERVICE, Line
from bench.rows.tiny import job_seconds
from bench.testbed import Testbed
from tests.otlp_receiver import run_receiver
from tools.stack import free_port

NAME = "traces"
TITLE = "Traces: a tiny bundle, POST to complete"
LIMIT_LABEL = ""
ROUNDS, RUNS = 2, 6
ON = {"OTEL_TRACES_EXPORTER": "otlp"}


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure one job at a time."""
    with run_receiver() as collector:
        variants = {
            "traces off": {},
            "sent to a collector": {**ON, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url},
            "collector not running": {**ON, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"},
        }
        seconds: dict[str, list[float]] = {what: [] for what in variants}
        for _ in range(testbed.rounds(ROUNDS)):
            for what, settings in variants.items():
                testbed.this_service.stack("built-in", settings)
                client = testbed.this_service.client()
                # The first job after a start is slower.
                job_seconds(client, 1)
                seconds[what] += [job_seconds(client, 1) for _ in range(RUNS)]
    for what, measured in seconds.items():
        yield Line(f"tiny, {what}", "s", {THIS_SERVICE: measured})
