"""Twenty tiny bundles at once, until all are complete; beside it twenty runs of the floor."""

from collections.abc import Iterator

from bench.contestants.floor import Floor
from bench.measuring import Line
from bench.rows.tiny import whole_jobs
from bench.surroundings import Surroundings

NAME = "tiny_at_once"
TITLE = "20 tiny bundles at once, until all are complete"
LIMIT_IS = "20 runs of five no-op tasks"
ROUNDS = 3
JOBS = 20
JOBS_SECONDS = 180


def measure(bench: Surroundings) -> Iterator[Line]:
    """Measure it."""
    floor = Floor(bench.ours.stack("built-in"))
    client = bench.ours.client()
    turns = bench.take_turns(
        ROUNDS,
        ours=lambda: {"seconds": whole_jobs(client, JOBS)},
        limit=lambda: {"seconds": floor.seconds(JOBS, JOBS_SECONDS)},
        original=lambda original: {"seconds": whole_jobs(original.client, JOBS)},
        limit_on_our_stack=True,
    )
    yield Line("seconds", "s", turns.samples["seconds"])
