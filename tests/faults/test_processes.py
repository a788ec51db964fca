"""SIGKILL to one process of the stack during ingests: every answered job completes without help."""

import os
import signal

import pytest
from sqlalchemy import Engine

from ingest.local.executor import CELERY, find_executor
from tests.faults import held_jobs
from tests.faults.end_assertions import assert_complete, ids_given_twice, ownerless
from tests.faults.points import Points
from tests.faults.posting import post_until_answered
from tools.bundles import CONTENTS, make_bundle
from tools.process_table import is_alive, parent_of
from tools.stack import Stack
from tools.stack_contents import events, holder
from tools.stack_processes import Processes, Role
from tools.waiting import wait_until

SPARES_THE_TASK = [
    Role.API_WORKER, Role.API_MASTER, Role.API_SERVER, Role.DAG_PROCESSOR, Role.BACKEND, Role.POSTMASTER
]  # fmt: skip
if find_executor(os.environ) == CELERY:
    ENDS_THE_TASK = [Role.TASK, Role.POOL_PROCESS, Role.CELERY_WORKER]
    SPARES_THE_TASK += [Role.SCHEDULER, Role.REDIS]
else:
    ENDS_THE_TASK = [Role.TASK, Role.BUSY_WORKER, Role.QUEUE_READER, Role.IDLE_WORKER, Role.SCHEDULER]
# docs/explanation/failures.md, "What happens when a part dies": the longest time until another process acquires the stage.
ACQUIRED_SECONDS = 60
ENDED_SECONDS = 30


@pytest.fixture(scope="module")
def processes(stack: Stack) -> Processes:
    """Return the processes of the stack."""
    return Processes(stack)


@pytest.mark.parametrize("role", ENDS_THE_TASK)
def test_job_whose_task_ends_with_a_killed_process_is_acquired_in_time_and_completes(
    stack: Stack, ledger: Engine, points: Points, processes: Processes, role: Role
):
    held = held_jobs.post_and_hold(stack, points)
    task, begun = holder(ledger, held), stages_begun(ledger, held)
    waiting = stack.post(make_bundle())
    # Not another task, and not the other worker.
    of_task = {Role.TASK: task, Role.POOL_PROCESS: parent_of(task), Role.CELERY_WORKER: parent_of(parent_of(task))}
    if role in of_task:
        os.kill(of_task[role], signal.SIGKILL)
    else:
        processes.kill(role)
    wait_until(lambda: not is_alive(task), ENDED_SECONDS, lambda: f"the task outlives {role}")
    later = post_until_answered(stack)
    wait_until(lambda: stages_begun(ledger, held) > begun, ACQUIRED_SECONDS, lambda: f"no process acquires {held}")
    assert_nothing_lost_nothing_twice(stack, ledger, {held: held_jobs.CONTENTS, waiting: CONTENTS, later: CONTENTS})


@pytest.mark.parametrize("role", SPARES_THE_TASK)
def test_job_whose_task_lives_on_beside_a_killed_process_completes(
    stack: Stack, ledger: Engine, points: Points, processes: Processes, role: Role
):
    held = held_jobs.post_and_hold(stack, points)
    task = holder(ledger, held)
    waiting = stack.post(make_bundle())
    # They finish their requests, and keep the port until then.
    orphans = processes.find(Role.API_WORKER) if role is Role.API_MASTER else []
    ended = [processes.kill(role), *orphans]
    wait_until(lambda: not any(map(is_alive, ended)), ENDED_SECONDS, lambda: f"{role} lives on")
    later = post_until_answered(stack)
    assert is_alive(task)
    held_jobs.release(points, held)
    assert_nothing_lost_nothing_twice(stack, ledger, {held: held_jobs.CONTENTS, waiting: CONTENTS, later: CONTENTS})


def stages_begun(ledger: Engine, job: int) -> int:
    """Return how many processes have begun a stage of a job."""
    return events(ledger, job).count("stage_started")


def assert_nothing_lost_nothing_twice(stack: Stack, ledger: Engine, jobs: dict[int, dict[str, bytes]]) -> None:
    for job, contents in jobs.items():
        assert_complete(stack, ledger, job, contents)
    assert not ownerless(stack, ledger)
    assert not ids_given_twice(ledger)
