"""Twenty tiny bundles simultaneously, until all are complete. The limit is twenty runs of five no-op tasks."""

from collections.abc import Iterator

from bench.measurements import Line
from bench.rows.tiny import job_seconds
from bench.systems.noop_dag import NoopDag
from bench.systems.stack_cpu import SECONDS, measure_jobs
from bench.testbed import Testbed

NAME = "tiny_at_once"
TITLE = "20 tiny bundles simultaneously, until all are complete"
LIMIT_LABEL = "20 runs of five no-op tasks"
ROUNDS = 3
JOBS = 20
JOBS_SECONDS = 180


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure the simultaneous jobs."""
    noop_dag = NoopDag(testbed.this_service.stack("built-in"))
    client, root = testbed.this_service.client(), testbed.this_service.launcher_id()
    measurements = testbed.compare(
        ROUNDS,
        this_service=lambda: measure_jobs(root, JOBS, lambda: job_seconds(client, JOBS)),
        limit=lambda: measure_jobs(root, JOBS, lambda: noop_dag.seconds(JOBS, JOBS_SECONDS)),
        original=lambda original: {SECONDS: job_seconds(original.client, JOBS)},
        limit_uses_stack=True,
    )
    yield from measurements.lines("s")
