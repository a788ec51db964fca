"""Two schedulers and two APIs on one stack, as during a rolling upgrade: each stage runs once."""

from dataclasses import replace

from sqlalchemy import Engine

from ingest.states.stages import STAGES, Kind
from tests.faults import held_jobs
from tests.faults.end_assertions import assert_complete, ids_given_twice, ownerless
from tests.faults.points import Points
from tests.faults.second_programs import API, SCHEDULER, second, wait_for_answer, wait_for_two
from tools.bundles import CONTENTS, make_bundle
from tools.stack import Stack, free_port
from tools.stack_contents import events

JOBS = 10


def test_two_schedulers_and_two_apis_run_each_stage_of_a_job_once(stack: Stack, ledger: Engine):
    port = free_port()
    with second(stack, *SCHEDULER) as scheduler, second(stack, API, "-a", "127.0.0.1", "-p", str(port)) as api:
        wait_for_answer(f"http://127.0.0.1:{port}/")
        wait_for_two(stack, "SchedulerJob")
        apis = [stack, replace(stack, api=f"http://127.0.0.1:{port}")]
        jobs = [apis[number % 2].post(make_bundle()) for number in range(JOBS)]
        for number, job in enumerate(jobs):
            # Query the API that did not receive it.
            assert_complete(apis[(number + 1) % 2], ledger, job, CONTENTS)
        assert (scheduler.poll(), api.poll()) == (None, None)
    for job in jobs:
        assert_each_stage_once(ledger, job)
    assert not ownerless(stack, ledger)
    assert not ids_given_twice(ledger)


def test_job_whose_running_stage_is_cleared_twice_ends_as_one_that_nothing_interrupted(
    stack: Stack, ledger: Engine, points: Points
):
    job = held_jobs.post_and_hold(stack, points)
    for _ in range(2):
        stack.clear(job, "ingest_files")
    held_jobs.release(points, job)
    assert_complete(stack, ledger, job, held_jobs.CONTENTS, seconds=300)
    assert not ownerless(stack, ledger)
    assert not ids_given_twice(ledger)


def assert_each_stage_once(ledger: Engine, job: int) -> None:
    kinds, stages = events(ledger, job), len(STAGES[Kind.INGEST])
    # Housekeeping may trigger a job that the API has just recorded: there is one run in either case.
    assert [kinds.count(kind) for kind in ("stage_started", "stage_finished")] == [stages, stages], kinds
    assert "triggered" in kinds
