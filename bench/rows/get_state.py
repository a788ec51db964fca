"""`get_state`: 200 clients poll 50 jobs that are under way; and what that costs Airflow.

Eight of the jobs stand still in the middle of a stage (the failpoint `open_tar.begun`), as many as run at once by default;
the others wait for their turn. The original's jobs are rows that its own code has written; it is measured afterwards, with
our stack stopped, because jobs that are under way cannot be frozen for long. Twice: each client asks ten times a second,
2,000 together; and again and again, as fast as it is answered. The limit is a bare epoll that gives all the same answer.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from bench.client import Client
from bench.contestants.access_log import AccessLog
from bench.contestants.original import OriginalService
from bench.contestants.programs import output_of, program
from bench.measuring import ORIGINAL, Figures, Line, Turns
from bench.surroundings import Surroundings
from ingest.local.sample import make_bundle
from ingest.system.failpoints import HELD_SUFFIX, VARIABLE
from tests.faults.points import Points
from tools.waiting import wait_until

NAME = "get_state"
TITLE = "get_state: 200 clients poll 50 jobs that are under way"
LIMIT_IS = "a bare epoll"
ROUNDS = 3
JOBS, HELD = 50, 8
CLIENTS = 200
SECONDS, WARM_UP_SECONDS = 4, 2
PACES = {"2,000 a second": 0.1, "as fast as can be": 0.0}
POINT = "open_tar.begun"
HELD_SECONDS = 90
TIMEOUT_SECONDS = 120
FIRST_ORIGINAL_JOB = 900_000
POLLER = "the poller"
AT_AIRFLOW = "requests at Airflow, a second and job"
UNITS = {"answers": "/s", "p50": "ms", "p99": "ms", "bad answers": "", POLLER: "cores", AT_AIRFLOW: "/s"}
MORE_IS_BETTER = "answers"


def measure(bench: Surroundings) -> Iterator[Line]:
    """Measure it."""
    points = Points(bench.folder / "failpoints")
    points.folder.mkdir(exist_ok=True)
    stack = bench.ours.stack("held", {VARIABLE: str(points.folder)})
    client, log = bench.ours.client(), AccessLog(stack.home)
    jobs = [_held(points, client) for _ in range(JOBS)]
    wait_until(lambda: _number_held(points) == HELD, HELD_SECONDS, lambda: f"{_number_held(points)} jobs are held")

    def ours(interval: float) -> Figures:
        before = log.size()
        figures = poll(client.address, jobs, interval)
        return {**figures, AT_AIRFLOW: log.requests_of_jobs(before) / (SECONDS + WARM_UP_SECONDS) / JOBS}

    found = {}
    with program("bench.contestants.mirror", json.dumps(client.state(jobs[0]))) as mirror:
        for pace, interval in PACES.items():
            limit, mine = partial(poll, mirror, jobs, interval), partial(ours, interval)
            found[pace] = bench.take_turns(ROUNDS, mine, limit, limit_on_our_stack=True)
    bench.ours.stop()
    if original := bench.original():
        for pace, interval in PACES.items():
            found[pace].add(ORIGINAL, [_original(original, interval) for _ in range(bench.rounds(ROUNDS))])
    for pace, turns in found.items():
        yield from _lines(pace, turns)


def _original(service: OriginalService, interval: float) -> Figures:
    numbers = range(FIRST_ORIGINAL_JOB, FIRST_ORIGINAL_JOB + JOBS)
    service.service.update_states([(number, "OK", "ingest files", 0.0, "") for number in numbers])
    return poll(service.client.address, numbers, interval)


def _lines(pace: str, turns: Turns) -> Iterator[Line]:
    for what, samples in turns.samples.items():
        more_is_better, comparable = what == MORE_IS_BETTER, what != POLLER
        yield Line(f"{pace}: {what}", UNITS[what], samples, lower_is_better=not more_is_better, comparable=comparable)


def poll(address: tuple[str, int], jobs: Sequence[int], interval: float) -> Figures:
    """Let all clients poll; gives what the poller found."""
    paths = "\n".join(f"/get_state?job_id={job}" for job in jobs)
    words = (*map(str, address), str(CLIENTS), str(SECONDS), str(WARM_UP_SECONDS), str(interval))
    figures: Figures = json.loads(output_of("bench.poller", *words, given=paths, seconds=TIMEOUT_SECONDS))
    return figures


def _held(points: Points, client: Client) -> int:
    """Post a bundle whose job will stand still; gives its id."""
    job = client.post(make_bundle({"tiny.txt": b"tiny\n"}, datetime.now(UTC)))
    points.arm(POINT, job, "hold")
    return job


def _number_held(points: Points) -> int:
    return len(list(points.folder.glob(f"*{HELD_SUFFIX}")))
