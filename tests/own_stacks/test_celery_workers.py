"""Two Celery workers and a real Redis: a worker that dies, that is busy, and that is stopped.

`make test-celery` also runs a part of `tests/faults` on such a stack. These have a stack of their own.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from celery_claims import ANSWER_SECONDS, LOST_AFTER_ROUNDS, PAUSE_SECONDS
from sqlalchemy import Engine

from ingest.ledger.events import EventKind
from ingest.local import program
from ingest.local.executor import CELERY, VARIABLE
from ingest.states.stages import STAGES, Kind
from ingest.system.failpoints import VARIABLE as FAILPOINTS
from tests.faults import held_jobs
from tests.faults.conftest import SETTINGS
from tests.faults.end_assertions import assert_complete, ids_given_twice, ownerless
from tests.faults.points import Points
from tests.redis_server import needs_redis
from tools.process_table import is_alive, parent_of
from tools.stack import Stack, ledger_of, running_stack
from tools.stack_contents import events, holder
from tools.stack_processes import Processes, Role
from tools.waiting import wait_until

pytestmark = needs_redis
# docs/explanation/failures.md, "How long a dead stage is shown as running".
ACQUIRED_SECONDS = 60
STOPPED_SECONDS = 60
# Longer than it takes until a task without answers counts as lost.
BUSY_SECONDS = (LOST_AFTER_ROUNDS + 2) * (ANSWER_SECONDS + PAUSE_SECONDS)
# It takes a minute, and both cores from all other tests.
only_by_itself = pytest.mark.skipif(os.environ.get(VARIABLE) != CELERY, reason="a long test; make test-celery runs it")
STAGES_OF_BUNDLE = len(STAGES[Kind.INGEST])


@pytest.fixture(scope="module")
def celery_stack(points: Points, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run a stack on CeleryExecutor."""
    settings = {**SETTINGS, VARIABLE: CELERY, FAILPOINTS: str(points.folder)}
    with running_stack(tmp_path_factory.mktemp("celery"), settings) as stack:
        yield stack


@pytest.fixture(scope="module")
def jobs(celery_stack: Stack) -> Iterator[Engine]:
    """Return the stack's database of jobs."""
    with ledger_of(celery_stack) as engine:
        yield engine


def worker_of(jobs: Engine, job: int) -> int:
    """Return the Celery worker that runs the task of a job."""
    return parent_of(parent_of(holder(jobs, job)))


def stages_begun(jobs: Engine, job: int) -> int:
    return events(jobs, job).count("stage_started")


def assert_nothing_lost_nothing_twice(stack: Stack, jobs: Engine, *expected: int) -> None:
    for job in expected:
        assert_complete(stack, jobs, job, held_jobs.CONTENTS)
    assert not ownerless(stack, jobs)
    assert not ids_given_twice(jobs)


def test_stages_of_a_killed_worker_are_acquired_within_a_minute_and_those_of_the_other_continue(
    celery_stack: Stack, jobs: Engine, points: Points
):
    held = [held_jobs.post_and_hold(celery_stack, points) for _ in range(4)]
    tasks = {job: holder(jobs, job) for job in held}
    worker = worker_of(jobs, held[0])
    of_worker = [job for job in held if worker_of(jobs, job) == worker]
    begun = {job: stages_begun(jobs, job) for job in held}
    os.kill(worker, signal.SIGKILL)
    wait_until(
        lambda: all(stages_begun(jobs, job) > begun[job] for job in of_worker),
        ACQUIRED_SECONDS,
        lambda: f"no process acquires {of_worker}",
    )
    for job in set(held) - set(of_worker):
        assert is_alive(tasks[job])
        held_jobs.release(points, job)
    assert_nothing_lost_nothing_twice(celery_stack, jobs, *held)
    for job in set(held) - set(of_worker):
        assert stages_begun(jobs, job) == STAGES_OF_BUNDLE


@only_by_itself
def test_worker_on_a_machine_that_is_overloaded_is_not_mistaken_for_a_dead_one(
    celery_stack: Stack, jobs: Engine, points: Points
):
    held = held_jobs.post_and_hold(celery_stack, points)
    with overload():
        time.sleep(BUSY_SECONDS)
    held_jobs.release(points, held)
    assert_nothing_lost_nothing_twice(celery_stack, jobs, held)
    assert stages_begun(jobs, held) == STAGES_OF_BUNDLE


@only_by_itself
def test_redis_that_is_killed_costs_no_stage_its_attempt(celery_stack: Stack, jobs: Engine, points: Points):
    held = held_jobs.post_and_hold(celery_stack, points)
    processes = Processes(celery_stack)
    killed = processes.kill(Role.REDIS)
    wait_until(lambda: processes.find(Role.REDIS) not in ([], [killed]), STOPPED_SECONDS, lambda: "Redis stays dead")
    time.sleep(BUSY_SECONDS)
    held_jobs.release(points, held)
    assert_nothing_lost_nothing_twice(celery_stack, jobs, held)
    assert stages_begun(jobs, held) == STAGES_OF_BUNDLE


def test_stage_of_a_worker_that_is_stopped_continues_on_the_other_worker(
    celery_stack: Stack, jobs: Engine, points: Points
):
    held = held_jobs.post_and_hold(celery_stack, points)
    begun, worker = stages_begun(jobs, held), worker_of(jobs, held)
    processes = Processes(celery_stack)
    name = next(name for name in program.WORKERS if processes.programs.find(name) == [worker])
    processes.programs.stop(name)
    try:
        # supervisord has waited for it, and did not have to kill it.
        assert processes.programs.exit_status(name) == 0
        wait_until(
            lambda: stages_begun(jobs, held) > begun, ACQUIRED_SECONDS, lambda: f"no other worker acquires {held}"
        )
        assert EventKind.STAGE_WILL_BE_RETRIED in events(jobs, held)
        assert_nothing_lost_nothing_twice(celery_stack, jobs, held)
    finally:
        processes.programs.start(name)


@contextmanager
def overload() -> Iterator[None]:
    """Keep every core busy with eight processes inside the block."""
    busy = [multiprocessing.Process(target=spin, daemon=True) for _ in range(8 * (os.cpu_count() or 1))]
    for process in busy:
        process.start()
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.join()


def spin() -> None:
    while True:
        pass
