"""SIGKILL to a real Pacifica service in the middle of a request: the job completes without help, nothing is there twice."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine

from ingest.local.layout import Layout
from tests.e2e_core.test_bundles import THREE, assert_complete
from tests.faults.points import Points
from tests.tools.pacifica_core.test_metadata_database import WAITING, administration
from tools.bundles import make_bundle
from tools.pacifica_core.contents import stored
from tools.pacifica_core.core import Core
from tools.pacifica_core.services import ARCHIVE, METADATA, POLICY, UNIQUEID
from tools.stack import Stack
from tools.stack_contents import events, file_ids
from tools.waiting import wait_until

REACHED_SECONDS = 90
READING = "ingest_files.reading"
ALLOCATED = "file_ids.allocated"
# The second is so long that the archive has a part of it when it is killed.
LARGE = {"data/one.txt": b"one\n", "data/two.bin": os.urandom(15_000_000)}


@pytest.fixture
def files_before(core: Core) -> set[str]:
    """Return the contents of the archive before the test."""
    return stored(core)


def test_archive_that_is_killed_in_the_middle_of_a_put_gets_the_file_again(
    stack: Stack, core: Core, ledger: Engine, points: Points, files_before: set[str]
):
    job = stack.post(make_bundle(LARGE))
    points.arm(READING, job, "hold", passes=3)
    points.wait_until_reached(READING, job)
    core.kill(ARCHIVE)
    points.release(READING, job)
    wait_until_tried_again(stack, ledger, job)
    core.start(ARCHIVE)
    assert_complete(stack, core, job, LARGE)
    assert len(stored(core) - files_before) == len(LARGE)


@pytest.mark.parametrize(
    ("service", "table"),
    [(METADATA, "files"), (POLICY, "projects")],
    ids=["metadata-while-it-ingests", "policy-while-it-queries"],
)
def test_job_waits_for_a_service_that_is_killed_during_a_request(
    stack: Stack, core: Core, ledger: Engine, postgres: Layout, files_before: set[str], service: str, table: str
):
    with locked(postgres, table):
        job = stack.post(make_bundle(THREE))
        wait_until(lambda: somebody_waits(postgres), REACHED_SECONDS, lambda: f"{service} does not come to {table}")
        core.kill(service)
        wait_until_tried_again(stack, ledger, job)
    core.start(service)
    assert_complete(stack, core, job, THREE)
    assert len(stored(core) - files_before) == len(THREE)


def test_uniqueid_that_is_killed_between_allocation_and_use_never_returns_the_same_ids(
    stack: Stack, core: Core, ledger: Engine, points: Points, files_before: set[str]
):
    first = stack.post(make_bundle(THREE))
    points.arm(ALLOCATED, first, "hold")
    points.wait_until_reached(ALLOCATED, first)
    core.kill(UNIQUEID)
    core.start(UNIQUEID)
    second = stack.post(make_bundle(THREE))
    assert_complete(stack, core, second, THREE)
    points.release(ALLOCATED, first)
    assert_complete(stack, core, first, THREE)
    assert not set(file_ids(ledger, first)) & set(file_ids(ledger, second))
    assert len(stored(core) - files_before) == 2 * len(THREE)


@contextmanager
def locked(postgres: Layout, table: str) -> Iterator[None]:
    """Make every request to a table of metadata wait."""
    with administration(postgres, "metadata") as cursor:
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def somebody_waits(postgres: Layout) -> bool:
    with administration(postgres) as cursor:
        cursor.execute(WAITING)
        return cursor.fetchone() is not None


def wait_until_tried_again(stack: Stack, ledger: Engine, job: int) -> None:
    """Wait until the stage has failed and its retry is recorded."""
    wait_until(
        lambda: "stage_will_be_tried_again" in events(ledger, job), REACHED_SECONDS, lambda: f"{stack.state(job)}"
    )
