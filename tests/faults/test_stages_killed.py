"""Task processes are killed between any two steps of every stage: each job ends as if it had not been interrupted.

All jobs are posted first and run simultaneously. Each has one armed failpoint, at which its process dies by SIGKILL.
"""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from ingest.archiving.batches import BATCH_FILES
from tests.faults.cases import KINDS, MANY, REFUSE, SOURCES, Case, declared_move
from tests.faults.end_assertions import (
    assert_complete,
    assert_entries,
    ids_given_twice,
    ownerless,
    wait_until_not_spooled,
)
from tests.faults.points import Points
from tools.stack import Stack
from tools.stack_contents import archived, cataloged, events

SECONDS = 300
IN_THE_SECOND_BATCH = BATCH_FILES + 10

BUNDLES = [
    Case("open_tar.begun", "bundle"),
    Case("open_tar.forgotten", "bundle"),
    Case("open_tar.recorded", "bundle"),
    Case("open_tar.done", "bundle"),
    Case("open_tar.finished", "bundle"),
    Case("load_metadata.begun", "bundle"),
    Case("load_metadata.forgotten", "bundle"),
    Case("load_metadata.recorded", "bundle"),
    Case("load_metadata.skipped", "bundle with more than is listed"),
    Case("file_ids.allocated", "bundle"),
    Case("file_ids.given", "bundle"),
    Case("load_metadata.done", "bundle"),
    Case("load_metadata.finished", "bundle"),
    Case("validate_policy.begun", "bundle"),
    Case("validate_policy.done", "bundle"),
    Case("validate_policy.finished", "bundle"),
    Case("ingest_files.begun", "bundle"),
    Case("ingest_files.sending", "bundle"),
    Case("ingest_files.sending", "bundle", passes=1),
    Case("ingest_files.reading", "bundle"),
    Case("ingest_files.reading", "bundle", passes=IN_THE_SECOND_BATCH),
    Case("ingest_files.reading", "bundle", passes=2 * len(MANY) + 3),
    Case("ingest_files.sent", "bundle"),
    Case("ingest_files.sent", "bundle", passes=IN_THE_SECOND_BATCH),
    Case("ingest_files.verified", "bundle"),
    Case("ingest_files.synced", "bundle"),
    Case("ingest_files.synced", "bundle", passes=1),
    Case("ingest_files.archived", "bundle"),
    Case("ingest_files.archived", "bundle", passes=1),
    Case("ingest_files.done", "bundle"),
    Case("ingest_files.finished", "bundle"),
    Case("ingest_metadata.begun", "bundle"),
    Case("ingest_metadata.cataloguing", "bundle"),
    Case("ingest_metadata.accepted", "bundle"),
    Case("ingest_metadata.catalogued", "bundle"),
    Case("ingest_metadata.unlinked", "bundle"),
    Case("ingest_metadata.done", "bundle"),
    Case("ingest_metadata.finished", "bundle"),
]
MOVES = [
    Case("move_files.begun", "move"),
    Case("move_files.reading", "move", passes=1),
    Case("move_files.sending", "move"),
    Case("move_files.linked", "move", passes=1),
    Case("move_files.moved", "move"),
    Case("move_files.verified", "move", passes=2),
    Case("move_files.aside", "move"),
    Case("move_files.removed", "move", passes=1),
    Case("move_files.archived", "move"),
    Case("move_files.done", "move"),
    Case("move_files.finished", "move"),
    Case("ingest_metadata.links_removed", "move"),
]
REFUSED = [
    Case("open_tar.failed", "bundle that is no tar"),
    Case("rejection.nothing_sent", "bundle that is no tar"),
    Case("note.writing", "bundle that is no tar"),
    Case("note.written", "bundle that is no tar"),
    Case("load_metadata.failed", "bundle without JSON"),
    Case("validate_policy.failed", "bundle without a project"),
    Case("ingest_files.failed", "bundle with a wrong hash"),
    Case("rejection.rejecting", "bundle with a wrong hash"),
    Case("rejection.deleting", "bundle with a wrong hash"),
    Case("rejection.deleted", "bundle with a wrong hash", passes=IN_THE_SECOND_BATCH),
    Case("rejection.batch_removed", "bundle with a wrong hash"),
    Case("rejection.removed", "bundle with a wrong hash"),
    Case("rejection.rejected", "bundle with a wrong hash"),
    Case("ingest_metadata.failed", "bundle that the catalogue refuses"),
    Case("rejection.deleted", "bundle that the catalogue refuses"),
    Case("move_files.failed", "move with a wrong hash"),
    Case("put_back.linked", "move with a wrong hash"),
    Case("put_back.empty", "move with a wrong hash"),
    Case("put_back.parted", "move with a wrong hash"),
    Case("put_back.deleted", "move with a wrong hash", passes=1),
    Case("put_back.pending", "move with a wrong hash"),
]
Wave = dict[Case, int]


@pytest.fixture(scope="module")
def wave(stack: Stack, ledger: Engine, points: Points) -> Wave:
    """Post a job for each case after arming its failpoint: ids are consecutive, because only this fixture posts."""
    with ledger.begin() as connection:
        connection.execute(text(REFUSE))
    last = stack.post(b"no tar")
    jobs = {}
    for job_id, case in enumerate([*BUNDLES, *MOVES, *REFUSED], last + 1):
        points.arm(case.point, job_id, passes=case.passes)
        jobs[case] = KINDS[case.job].post(stack, folder_of(stack, case))
        assert jobs[case] == job_id
    return jobs


def folder_of(stack: Stack, case: Case) -> Path:
    """Return the folder of the sources of a case."""
    return stack.home / "move" / str(case)


@pytest.mark.parametrize("case", BUNDLES, ids=str)
def test_bundle_whose_process_was_killed_ends_as_one_that_nothing_interrupted(
    stack: Stack, ledger: Engine, points: Points, wave: Wave, case: Case
):
    assert_complete(stack, ledger, wave[case], KINDS[case.job].contents, SECONDS)
    assert not points.is_armed(case.point, wave[case]), "it was never killed"
    assert events(ledger, wave[case]).count("received") == 1


@pytest.mark.parametrize("case", MOVES, ids=str)
def test_move_whose_process_was_killed_ends_as_one_that_nothing_interrupted(
    stack: Stack, ledger: Engine, points: Points, wave: Wave, case: Case
):
    state = stack.wait_for_end(wave[case], SECONDS)
    assert (state["state"], state["task_percent"], state["exception"]) == ("OK", "100.0", "")
    assert not points.is_armed(case.point, wave[case]), "it was never killed"
    entries = cataloged(ledger, wave[case])
    assert entries is not None
    assert archived(stack.home, entries) == SOURCES
    assert_entries(ledger, wave[case], declared_move(SOURCES, folder_of(stack, case)))
    stack.wait(wave[case], lambda _state: not list(folder_of(stack, case).rglob("*.raw*")))


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused_job_whose_process_was_killed_leaves_nothing_and_is_refused(
    stack: Stack, ledger: Engine, points: Points, wave: Wave, case: Case
):
    state = stack.wait_for_end(wave[case], SECONDS)
    assert (state["state"], state["task"]) == ("FAILED", KINDS[case.job].failed_at)
    assert not points.is_armed(case.point, wave[case]), "it was never killed"
    assert cataloged(ledger, wave[case]) is None
    if case.job.startswith("move"):
        folder = folder_of(stack, case)
        assert {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        } == SOURCES


def test_after_all_kills_nothing_is_left_over_or_duplicated(stack: Stack, ledger: Engine, wave: Wave):
    for job_id in wave.values():
        stack.wait_for_end(job_id, SECONDS)
    assert ownerless(stack, ledger) == set()
    assert ids_given_twice(ledger) == []
    wait_until_not_spooled(stack, *(wave[case] for case in [*BUNDLES, *MOVES]))
    runs = stack.request_airflow("GET", "/dags/~/dagRuns?limit=1000&run_id_pattern=job-%")["dag_runs"]
    ids = [run["dag_run_id"] for run in runs]
    assert len(ids) == len(set(ids))
