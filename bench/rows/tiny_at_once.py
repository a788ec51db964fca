"""Twenty tiny bundles simultaneously, until all are complete. The limit is twenty runs of five no-op tasks."""

from collections.abc import Iterator

from bench.measurements import Line
from bench.rows.tiny import job_seconds
from bench.systems.noop_dag import NoopDag
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
    client = testbed.this_service.client()
    measurements = testbed.compare(
        ROUNDS,
        this_service=lambda: {"seconds": job_seconds(client, JOBS)},
        limit=lambda: {"seconds": noop_dag.seconds(JOBS, JOBS_SECONDS)},
        original=lambda original: {"seconds": job_seconds(original.client, JOBS)},
        limit_uses_stack=True,
    )
    yield Line("seconds", "s", measurements.samples["seconds"])
