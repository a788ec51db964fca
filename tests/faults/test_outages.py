"""A service that is unavailable for longer than Airflow retries: no admin acts, and every job completes by itself."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.services.archive_marker import MARKER
from tests.archive_outage import ArchiveOutage
from tests.faults import held_jobs
from tests.faults.end_assertions import assert_complete
from tests.faults.points import Points
from tools.bundles import CONTENTS, make_bundle
from tools.stack import Stack, State

NextJob = Callable[[], int]
PARKED_SECONDS = 240


@pytest.fixture
def next_job(stack: Stack) -> NextJob:
    """Return a function that returns the id of the next job, because only this test posts."""
    return lambda: stack.post(b"no tar") + 1


def is_waiting(state: State) -> bool:
    """Return whether a job says which attempt failed and when the next one starts; it is never FAILED meanwhile."""
    assert state["state"] == "OK", state
    return (
        "service_unavailable: archive unavailable at file://" in state["exception"] and "next at" in state["exception"]
    )


def outage_of(stack: Stack) -> AbstractContextManager[None]:
    return ArchiveOutage(stack.home / "archive").unavailable()


def wait_until_parked(stack: Stack, job: int) -> None:
    """Wait until Airflow has used up its tries of a job, which still waits."""
    path = f"/dags/ingest/dagRuns/job-{job}"
    stack.wait(
        job,
        lambda state: is_waiting(state) and stack.request_airflow("GET", path)["state"] == "failed",
        PARKED_SECONDS,
    )


def test_jobs_complete_by_themselves_after_an_outage_that_outlasts_all_tries_and_a_killed_housekeeping(
    stack: Stack, ledger: Engine, points: Points, next_job: NextJob
):
    with outage_of(stack):
        first = next_job()
        assert stack.post(make_bundle()) == first
        second = stack.post(make_bundle({"data/second.txt": b"second"}))
        wait_until_parked(stack, first)
        wait_until_parked(stack, second)
        # A job that arrives meanwhile continues until it needs the archive.
        third = stack.post(make_bundle({"data/third.txt": b"third"}))
        assert stack.wait(third, is_waiting)["task"] == "ingest files"
        # Within the outage: after it, an attempt that has already begun would complete the job without housekeeping.
        points.arm("housekeeping.resumed", first)
        stack.run_housekeeping()
        points.wait_until_reached("housekeeping.resumed", first, PARKED_SECONDS)
    stack.run_housekeeping()
    assert_complete(stack, ledger, first, CONTENTS, seconds=240)
    assert_complete(stack, ledger, second, {"data/second.txt": b"second"}, seconds=240)
    assert_complete(stack, ledger, third, {"data/third.txt": b"third"}, seconds=240)


def test_waiting_job_that_an_admin_clears_goes_on_immediately(stack: Stack, ledger: Engine, next_job: NextJob):
    with outage_of(stack):
        job = next_job()
        assert stack.post(make_bundle()) == job
        wait_until_parked(stack, job)
    stack.clear(job, "ingest_files")
    assert_complete(stack, ledger, job, CONTENTS)


@contextmanager
def unmounted(archive: Path) -> Iterator[None]:
    """Leave an empty folder in place of the archive, as an unmounted disk does; assert that nothing is written to it."""
    disk = archive.rename(archive.with_name("archive's disk"))
    archive.mkdir()
    try:
        yield
        assert list(archive.iterdir()) == []
    finally:
        archive.rmdir()
        disk.rename(archive)


def test_job_waits_while_the_disk_of_the_archive_is_not_mounted(
    stack: Stack, ledger: Engine, points: Points, next_job: NextJob
):
    first = next_job()
    assert stack.post(make_bundle()) == first
    assert_complete(stack, ledger, first, CONTENTS)
    job = held_jobs.post_and_hold(stack, points)
    with unmounted(stack.home / "archive"):
        held_jobs.release(points, job)
        state = stack.wait(job, is_waiting)
        assert state["task"] == "ingest files"
        assert f"its folder lacks the file {MARKER}; mount its disk" in state["exception"]
    assert_complete(stack, ledger, job, held_jobs.CONTENTS, seconds=240)
