"""Airflow's api-server is unavailable for two minutes: no job uses up a try, and uploaders do not notice."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from sqlalchemy import Engine

from ingest.states.stages import STAGES, Kind
from tests.faults import held_jobs
from tests.faults.end_assertions import assert_complete, ids_given_twice, ownerless
from tests.faults.points import Points
from tools.bundles import CONTENTS, make_bundle
from tools.stack import START_SECONDS, Stack, answers, starting
from tools.stack_contents import events
from tools.stack_processes import Processes, Role
from tools.waiting import wait_until

OUTAGE_SECONDS, LONGEST_OUTAGE_SECONDS = 120, 160
ANSWER_SECONDS = 10
POLL_SECONDS = 0.5
RECOVERY_SECONDS = 300


def test_outage_of_the_api_server_for_two_minutes_uses_up_no_tries(stack: Stack, ledger: Engine, points: Points):
    advancing, held = (held_jobs.post_and_hold(stack, points) for _ in range(2))
    # Hold the lock: the restart of the api-server must not wait for the start of another stack.
    with starting(), api_server_stopped(stack) as begun:
        # This stage ends while Airflow cannot be notified, so that the next stage cannot start.
        held_jobs.release(points, advancing)
        posted = stack.post(make_bundle())
        assert time.monotonic() - begun < ANSWER_SECONDS
        jobs = (advancing, held, posted)
        while time.monotonic() < begun + OUTAGE_SECONDS:
            assert_none_failed(stack, jobs)
        Processes(stack).start(Role.API_SERVER)
        wait_until(lambda: answers(stack.airflow), START_SECONDS, lambda: "the api-server does not start")
    back = time.monotonic()
    # A task repeats its requests for about three minutes, and on a busy machine the start takes long.
    is_short = back - begun < LONGEST_OUTAGE_SECONDS
    held_jobs.release(points, held)
    while not all(stack.state(job)["complete"] for job in jobs) and time.monotonic() < back + RECOVERY_SECONDS:
        assert_none_failed(stack, jobs)
    for job, contents in zip(jobs, (held_jobs.CONTENTS, held_jobs.CONTENTS, CONTENTS), strict=True):
        assert_complete(stack, ledger, job, contents)
        assert not is_short or events(ledger, job).count("stage_started") == len(STAGES[Kind.INGEST])
    assert not ownerless(stack, ledger)
    assert not ids_given_twice(ledger)


@contextmanager
def api_server_stopped(stack: Stack) -> Iterator[float]:
    """Stop the api-server inside the block; yield the time at which it ended."""
    processes = Processes(stack)
    processes.stop(Role.API_SERVER)
    try:
        yield time.monotonic()
    finally:
        if not processes.find(Role.API_SERVER):
            processes.start(Role.API_SERVER)


def assert_none_failed(stack: Stack, jobs: tuple[int, ...]) -> None:
    for job in jobs:
        begun = time.monotonic()
        answer = requests.get(f"{stack.api}/get_state", params={"job_id": job}, timeout=ANSWER_SECONDS)
        assert time.monotonic() - begun < ANSWER_SECONDS
        assert answer.json()["state"] == "OK", answer.text
    time.sleep(POLL_SECONDS)
