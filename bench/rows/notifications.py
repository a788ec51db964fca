"""Notifications: the delay from the moment at which the catalog holds a job until a webhook's receiver has its message.

All jobs are posted together, and a second webhook has a receiver that is not running. The original service has no
notifications.
"""

import socket
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime

from bench.measurements import THIS_SERVICE, Figures, Line
from bench.testbed import Testbed
from ingest.local.sample import make_bundle
from tests.operations.notify.receiver import SECRET, Receiver, run_receiver
from tools.waiting import wait_until

NAME = "notifications"
TITLE = "Notifications: from cataloged to received"
LIMIT_LABEL = ""
JOBS = 100
JOB_SECONDS = 600
DELIVERY_SECONDS = 60
COMPLETED = "job.completed"
UNITS = {"p50": "s", "p99": "s", "longest": "s"}


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure the delays of jobs that are posted together."""
    with run_receiver() as receiver:
        settings = testbed.folder / "webhooks.ini"
        settings.write_text(_section("lab", receiver.url) + _section("dead", f"http://127.0.0.1:{_unused_port()}/"))
        testbed.this_service.stack("built-in", {"INGEST_CONFIG": str(settings)})
        client = testbed.this_service.client()
        bundle = make_bundle({"tiny.txt": b"tiny\n"}, datetime.now(UTC))
        for job in [client.post(bundle) for _ in range(JOBS)]:
            client.wait_until_complete(job, JOB_SECONDS)
        wait_until(lambda: len(_delays(receiver)) >= JOBS, DELIVERY_SECONDS, lambda: f"only {len(_delays(receiver))}")
    figures = _figures(_delays(receiver))
    for what, unit in UNITS.items():
        yield Line(f"{JOBS} jobs: {what}", unit, {THIS_SERVICE: [figures[what]]})


def _section(name: str, url: str) -> str:
    return f"[webhook:{name}]\nurl = {url}\nsecret = {SECRET}\nallow_private = true\n"


def _unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _delays(receiver: Receiver) -> list[float]:
    """Return the seconds from the event of each completed job to the arrival of its message."""
    completed = [each for each in receiver.received if each.type == COMPLETED]
    return [(each.at - datetime.fromisoformat(each.document["time"])).total_seconds() for each in completed]


def _figures(delays: list[float]) -> Figures:
    percentiles = statistics.quantiles(delays, n=100)
    return {"p50": statistics.median(delays), "p99": percentiles[98], "longest": max(delays)}
