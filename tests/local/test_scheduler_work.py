"""config/scheduler_work.py: what ends the pause of the scheduler. tests/faults has a test with a real Airflow."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from scheduler_work import BUSY_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Work, wait_for_work

RUNS_PER_LOOP = 20
BEFORE = Work(frozenset({"one", "two"}), 0, queued_runs=3, running_runs=RUNS_PER_LOOP)


@pytest.mark.parametrize(
    "changed",
    [
        replace(BEFORE, active_tasks=frozenset({"two"})),
        replace(BEFORE, active_tasks=frozenset({"two", "three"})),
        replace(BEFORE, queued_runs=4),
        replace(BEFORE, queued_runs=2),
    ],
    ids=("a task ends", "a task ends and another begins", "a run is queued", "a run starts"),
)
def test_pause_ends_with_the_query_that_finds_a_change(changed: Work):
    answers: Iterator[Work] = iter([BEFORE, changed])
    assert wait_for_work(lambda: next(answers), BEFORE, RUNS_PER_LOOP) == changed


def test_task_that_begins_during_the_pause_ends_it_only_with_its_own_end():
    more = replace(BEFORE, active_tasks=BEFORE.active_tasks | {"three"})
    answers: Iterator[Work] = iter([BEFORE, more, more, BEFORE])
    assert wait_for_work(lambda: next(answers), BEFORE, RUNS_PER_LOOP) == BEFORE
    assert not list(answers)


@pytest.mark.parametrize(
    ("work", "seconds"),
    [
        (BEFORE, LONGEST_PAUSE_SECONDS),
        (replace(BEFORE, running_runs=RUNS_PER_LOOP + 1), BUSY_PAUSE_SECONDS),
        (replace(BEFORE, tasks_without_slot=1), BUSY_PAUSE_SECONDS),
    ],
    ids=("one loop does everything", "more runs than one loop examines", "a task waits for a slot"),
)
def test_pause_without_a_change_ends_after_its_limit(work: Work, seconds: float):
    begin = time.monotonic()
    assert wait_for_work(lambda: work, work, RUNS_PER_LOOP) == work
    assert time.monotonic() - begin >= seconds == work.longest_pause(RUNS_PER_LOOP)
