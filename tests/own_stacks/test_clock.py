"""Jumps of the clock while jobs are in progress: all processes of a separate stack use a clock that the test sets.

libfaketime replaces the clock of the C library by LD_PRELOAD; the monotonic clock, which measures durations, is real.
"""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.system.failpoints import VARIABLE
from tests.faults.conftest import SETTINGS
from tests.faults.end_assertions import assert_complete, ids_given_twice, ownerless
from tests.faults.points import Points
from tools.bundles import CONTENTS, make_bundle
from tools.stack import Stack, ledger_of, running_stack

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="libfaketime is in no wheel for this machine")

HELD_AT = "ingest_files.reading"
# The limit of docs/explanation/failures.md, with a reserve for a busy machine.
SECONDS = 300


@dataclass
class Clock:
    """The clock of a stack's processes; `hours` is its offset."""

    file: Path
    hours: int = 0

    def jump(self, hours: int) -> None:
        """Move the clock of all processes simultaneously."""
        self.hours += hours
        new = self.file.with_suffix(".new")
        new.write_text(f"{self.hours:+}h\n")
        # PostgreSQL may run as another user.
        new.chmod(0o644)
        new.rename(self.file)

    def settings(self) -> dict[str, str]:
        """Return the variables that give a process this clock."""
        package = find_spec("libfaketime")
        assert package
        assert package.origin
        library = Path(package.origin).parent / "vendor/libfaketime/src/libfaketime.so.1"
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Otherwise a wait on a condition, such as for a lock, ends early by as much as the clock is ahead.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    clock = Clock(tmp_path_factory.mktemp("clock") / "clock")
    clock.jump(0)
    return clock


@pytest.fixture(scope="module")
def clocked(clock: Clock, points: Points, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run a stack with this clock."""
    settings = {**SETTINGS, **clock.settings(), VARIABLE: str(points.folder)}
    with running_stack(tmp_path_factory.mktemp("clocked"), settings) as stack:
        yield stack


@pytest.fixture(scope="module")
def jobs(clocked: Stack) -> Iterator[Engine]:
    """Return the stack's database of jobs."""
    with ledger_of(clocked) as engine:
        yield engine


@pytest.fixture
def under_way(clocked: Stack, points: Points) -> int:
    """Post a job that is held in the middle of a stage."""
    job = clocked.post(b"no tar") + 1
    points.arm(HELD_AT, job, "hold")
    assert clocked.post(make_bundle()) == job
    points.wait_until_reached(HELD_AT, job)
    return job


def assert_all_complete(stack: Stack, ledger: Engine, *jobs: int) -> None:
    for job in jobs:
        assert_complete(stack, ledger, job, CONTENTS, SECONDS)
    assert ids_given_twice(ledger) == []
    assert ownerless(stack, ledger) == set()


@pytest.mark.parametrize("hours", [1, 25], ids=["an hour", "longer than tokens are good for"])
def test_jobs_complete_when_the_clock_jumps_forward(
    clocked: Stack, jobs: Engine, points: Points, clock: Clock, under_way: int, hours: int
):
    clock.jump(hours)
    later = clocked.post(make_bundle())
    points.release(HELD_AT, under_way)
    assert_all_complete(clocked, jobs, under_way, later)


def test_jobs_complete_when_the_clock_jumps_back_and_has_caught_up(
    clocked: Stack, jobs: Engine, points: Points, clock: Clock, under_way: int
):
    clock.jump(-1)
    later = clocked.post(make_bundle())
    points.release(HELD_AT, under_way)
    assert_complete(clocked, jobs, later, CONTENTS, SECONDS)
    clock.jump(1)
    assert_all_complete(clocked, jobs, under_way)


def test_retry_takes_effect_before_a_clock_that_was_set_back_has_caught_up(
    clocked: Stack, jobs: Engine, points: Points, clock: Clock, under_way: int
):
    clock.jump(-1)
    points.release(HELD_AT, under_way)
    run = f"/dags/ingest/dagRuns/job-{under_way}"
    clocked.request_airflow("PATCH", run, {"state": "failed"})
    clocked.request_airflow("DELETE", run)
    assert clocked.command("retry", "--job-id", str(under_way)).returncode == 0
    assert_all_complete(clocked, jobs, under_way)
