"""A tiny bundle, POST to complete, one after the other, warm; beside it five tasks that do nothing on the same Airflow."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from bench.client import Client
from bench.contestants.floor import Floor
from bench.measuring import Line
from bench.surroundings import Surroundings
from ingest.local.sample import make_bundle

NAME = "tiny"
TITLE = "A tiny bundle, POST to complete"
LIMIT_IS = "five no-op tasks"
ROUNDS, RUNS = 4, 5
JOB_SECONDS = 60


def measure(bench: Surroundings) -> Iterator[Line]:
    """Measure it."""
    floor = Floor(bench.ours.stack("built-in"))
    client = bench.ours.client()
    turns = bench.take_turns(
        ROUNDS,
        ours=lambda: {"seconds": whole_jobs(client, 1)},
        limit=lambda: {"seconds": floor.seconds(1, JOB_SECONDS)},
        original=lambda original: {"seconds": whole_jobs(original.client, 1)},
        limit_on_our_stack=True,
        warm_ups=1,
        runs=RUNS,
    )
    yield Line("seconds", "s", turns.samples["seconds"])


def whole_jobs(client: Client, count: int) -> float:
    """Post so many tiny bundles at once; gives the seconds until all are complete."""
    bundle = make_bundle({"tiny.txt": b"tiny\n"}, datetime.now(UTC))
    begun = time.monotonic()
    for job in [client.post(bundle) for _ in range(count)]:
        client.complete(job, JOB_SECONDS)
    return time.monotonic() - begun
