"""Tiny bundles in sequence on a warm stack, from POST to complete. The limit is five no-op tasks on the same Airflow.

The CPU time is that of all processes of the stack until the job is complete, with what the stack uses when it is idle.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from bench.client import Client
from bench.measurements import Line
from bench.systems.noop_dag import NoopDag
from bench.systems.stack_cpu import SECONDS, measure_jobs
from bench.testbed import Testbed
from ingest.local.sample import make_bundle

NAME = "tiny"
TITLE = "A tiny bundle, POST to complete"
LIMIT_LABEL = "five no-op tasks"
ROUNDS, RUNS = 4, 5
JOB_SECONDS = 60


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure one job at a time."""
    noop_dag = NoopDag(testbed.this_service.stack("built-in"))
    client, root = testbed.this_service.client(), testbed.this_service.launcher_id()
    measurements = testbed.compare(
        ROUNDS,
        this_service=lambda: measure_jobs(root, 1, lambda: job_seconds(client, 1)),
        limit=lambda: measure_jobs(root, 1, lambda: noop_dag.seconds(1, JOB_SECONDS)),
        original=lambda original: {SECONDS: job_seconds(original.client, 1)},
        limit_uses_stack=True,
        warm_ups=1,
        runs=RUNS,
    )
    yield from measurements.lines("s")


def job_seconds(client: Client, count: int) -> float:
    """Post tiny bundles without waiting for their jobs; return the seconds until all jobs are complete."""
    bundle = make_bundle({"tiny.txt": b"tiny\n"}, datetime.now(UTC))
    begun = time.monotonic()
    for job in [client.post(bundle) for _ in range(count)]:
        client.wait_until_complete(job, JOB_SECONDS)
    return time.monotonic() - begun
