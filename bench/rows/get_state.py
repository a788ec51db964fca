"""`get_state`: 200 clients poll 50 jobs in progress; and the number of requests that this causes to Airflow.

Eight of the jobs, the default number of concurrent jobs, are held in the middle of a stage (the failpoint `open_tar.begun`).
The others are queued. There are two measurements. In the first, each client sends ten requests a second, 2,000 together. In
the second, each client sends its next request immediately after an answer. The limit is a bare epoll server that returns the
same answer to all.

The jobs of the original service are database rows that its own code has written. It is measured last, with our stack
stopped, because jobs in progress cannot be frozen for long.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from bench.client import Client
from bench.measurements import ORIGINAL_SERVICE, Figures, Line, Measurements
from bench.systems.access_log import AccessLog
from bench.systems.original_service import OriginalService
from bench.systems.programs import run_module, running_server
from bench.testbed import Testbed
from ingest.local.sample import make_bundle
from ingest.system.failpoints import HELD_SUFFIX, VARIABLE
from tests.faults.points import Points
from tools.waiting import wait_until

NAME = "get_state"
TITLE = "get_state: 200 clients poll 50 jobs in progress"
LIMIT_LABEL = "a bare epoll"
ROUNDS = 3
JOBS, HELD = 50, 8
CLIENTS = 200
SECONDS, WARM_UP_SECONDS = 4, 2
PACES = {"2,000 a second": 0.1, "as fast as possible": 0.0}
FAILPOINT = "open_tar.begun"
HELD_SECONDS = 90
TIMEOUT_SECONDS = 120
FIRST_ORIGINAL_JOB = 900_000
POLLER = "the poller"
AIRFLOW_REQUESTS = "requests to Airflow per second and job"
UNITS = {"answers": "/s", "p50": "ms", "p99": "ms", "bad answers": "", POLLER: "cores", AIRFLOW_REQUESTS: "/s"}
HIGHER_IS_BETTER = "answers"


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure `get_state` at both paces."""
    points = Points(testbed.folder / "failpoints")
    points.folder.mkdir(exist_ok=True)
    stack = testbed.this_service.stack("held", {VARIABLE: str(points.folder)})
    client, log = testbed.this_service.client(), AccessLog(stack.home)
    jobs = [_post_held_job(points, client) for _ in range(JOBS)]
    wait_until(
        lambda: _number_held(points) == HELD, HELD_SECONDS, lambda: f"{_number_held(points)} of {HELD} jobs are held"
    )

    def measure_this_service(interval: float) -> Figures:
        before = log.size()
        figures = poll(client.address, jobs, interval)
        return {**figures, AIRFLOW_REQUESTS: log.job_requests(before) / (SECONDS + WARM_UP_SECONDS) / JOBS}

    by_pace = {}
    with running_server("bench.systems.fixed_answer", json.dumps(client.state(jobs[0]))) as fixed_answer:
        for pace, interval in PACES.items():
            limit, this_service = partial(poll, fixed_answer, jobs, interval), partial(measure_this_service, interval)
            by_pace[pace] = testbed.compare(ROUNDS, this_service, limit, limit_uses_stack=True)
    testbed.this_service.stop()
    if original := testbed.original():
        for pace, interval in PACES.items():
            by_pace[pace].add(
                ORIGINAL_SERVICE, [_measure_original(original, interval) for _ in range(testbed.rounds(ROUNDS))]
            )
    for pace, measurements in by_pace.items():
        yield from _lines(pace, measurements)


def _measure_original(service: OriginalService, interval: float) -> Figures:
    numbers = range(FIRST_ORIGINAL_JOB, FIRST_ORIGINAL_JOB + JOBS)
    service.service.update_states([(number, "OK", "ingest files", 0.0, "") for number in numbers])
    return poll(service.client.address, numbers, interval)


def _lines(pace: str, measurements: Measurements) -> Iterator[Line]:
    for what, samples in measurements.samples.items():
        higher_is_better, comparable = what == HIGHER_IS_BETTER, what != POLLER
        yield Line(f"{pace}: {what}", UNITS[what], samples, lower_is_better=not higher_is_better, comparable=comparable)


def poll(address: tuple[str, int], jobs: Sequence[int], interval: float) -> Figures:
    """Poll the jobs with all clients; return the poller's figures."""
    paths = "\n".join(f"/get_state?job_id={job}" for job in jobs)
    words = (*map(str, address), str(CLIENTS), str(SECONDS), str(WARM_UP_SECONDS), str(interval))
    figures: Figures = json.loads(run_module("bench.poller", *words, stdin=paths, timeout=TIMEOUT_SECONDS))
    return figures


def _post_held_job(points: Points, client: Client) -> int:
    """Post a bundle and arm the failpoint that holds its job; return the job ID."""
    job = client.post(make_bundle({"tiny.txt": b"tiny\n"}, datetime.now(UTC)))
    points.arm(FAILPOINT, job, "hold")
    return job


def _number_held(points: Points) -> int:
    return len(list(points.folder.glob(f"*{HELD_SUFFIX}")))
