"""The admin's command, housekeeping and the API's trigger, killed between their two writes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine

from ingest.ledger import jobs
from ingest.states.job_state import MISSING_TEXT
from tests.faults import held_jobs
from tests.faults.end_assertions import assert_complete, ownerless
from tests.faults.points import Points
from tools.bundles import CONTENTS, file_entry, make_bundle, transaction
from tools.stack import Stack
from tools.stack_contents import events, file_ids
from tools.waiting import wait_until

KILLED = -9
WRONG = [*transaction(), *(file_entry(path, content, hashsum="0" * 40) for path, content in CONTENTS.items())]
FAILED = ("--state", "FAILED", "--task", "ingest files", "--exception", "stopped by an admin")
NextJob = Callable[[], int]


@pytest.fixture
def next_job(stack: Stack) -> NextJob:
    """Return a function that returns the id of the next job, because only this test posts."""
    return lambda: stack.post(b"no tar") + 1


def stop_by_admin(stack: Stack, points: Points, next_job: NextJob) -> int:
    """Post a good bundle, and fail it as an admin while a stage works on it."""
    job = next_job()
    points.arm("load_metadata.begun", job, "hold")
    assert stack.post(make_bundle()) == job
    points.wait_until_reached("load_metadata.begun", job)
    assert stack.command("job", "--job-id", str(job), *FAILED).returncode == 0
    points.release("load_metadata.begun", job)
    return job


@pytest.mark.parametrize("point", ["retry.lifted", "retry.cleared", "retry.counted"])
def test_killed_retry_takes_effect_or_is_finished_by_housekeeping(
    stack: Stack, ledger: Engine, points: Points, next_job: NextJob, point: str
):
    job = stop_by_admin(stack, points, next_job)
    points.arm(point, job)
    assert stack.command("retry", "--job-id", str(job)).returncode == KILLED
    stack.run_housekeeping()
    assert_complete(stack, ledger, job, CONTENTS, seconds=240)


@pytest.mark.parametrize("point", ["set_state.overridden", "set_state.failed", "set_state.counted"])
def test_job_that_an_admin_failed_stays_failed_though_the_command_was_killed(
    stack: Stack, ledger: Engine, points: Points, next_job: NextJob, point: str
):
    job = next_job()
    points.arm("load_metadata.begun", job, "hold")
    assert stack.post(make_bundle()) == job
    points.wait_until_reached("load_metadata.begun", job)
    points.arm(point, job)
    assert stack.command("job", "--job-id", str(job), *FAILED).returncode == KILLED
    points.release("load_metadata.begun", job)
    state = stack.wait_for_end(job)
    assert (state["state"], state["exception"]) == ("FAILED", "stopped by an admin")
    assert stack.command("retry", "--job-id", str(job)).returncode == 0
    # Airflow waits long for a stage that is cleared at the moment its process ends.
    assert_complete(stack, ledger, job, CONTENTS, seconds=300)


@pytest.mark.parametrize(
    ("held_at", "point"),
    [
        ("ingest_files.synced", "cancel.committed"),
        ("load_metadata.begun", "cancel.run_changed"),
        ("ingest_files.synced", "cancel.counted"),
    ],
)
def test_job_is_canceled_and_leaves_nothing_though_the_command_was_killed(
    stack: Stack, ledger: Engine, points: Points, next_job: NextJob, held_at: str, point: str
):
    job = next_job()
    points.arm(held_at, job, "hold")
    assert stack.post(make_bundle()) == job
    points.wait_until_reached(held_at, job)
    points.arm(point, job)
    assert stack.command("cancel", "--job-id", str(job)).returncode == KILLED
    state = stack.state(job)
    assert (state["state"], state["complete"]) == ("FAILED", True)
    assert state["exception"].startswith("canceled: by an admin at ")
    # The stage is never released: its process ends by itself, and the next one removes the files.
    wait_until(lambda: is_removed(ledger, job), 240, lambda: f"{events(ledger, job)}")
    assert ownerless(stack, ledger) == set()
    refused = stack.command("retry", "--job-id", str(job))
    assert (refused.returncode, "cannot be continued; it was canceled" in refused.stderr) == (1, True)
    stack.clear(job, "open_tar")
    assert stack.state(job) == {**state, "updated": stack.state(job)["updated"]}


def is_removed(ledger: Engine, job: int) -> bool:
    return jobs.read(ledger, job).record.is_rejected


def replace_and_kill(stack: Stack, points: Points, folder: Path, point: str) -> tuple[int, list[str]]:
    """Post a bundle that is rejected, and kill the command that replaces it; return job id and arguments."""
    job = stack.post(make_bundle(CONTENTS, WRONG))
    assert stack.wait_for_end(job)["state"] == "FAILED"
    make_bundle(path=folder / "good.tar")
    arguments = ["retry", "--job-id", str(job), "--path", str(folder / "good.tar")]
    points.arm(point, job)
    assert stack.command(*arguments).returncode == KILLED
    return job, arguments


@pytest.mark.parametrize("point", ["replacing.copied", "replacing.removed"])
def test_killed_retry_with_another_file_can_be_repeated(
    stack: Stack, ledger: Engine, points: Points, tmp_path: Path, point: str
):
    job, arguments = replace_and_kill(stack, points, tmp_path, point)
    assert stack.command(*arguments).returncode == 0
    assert_complete(stack, ledger, job, CONTENTS)
    assert ownerless(stack, ledger) == set()


def test_retry_with_another_file_that_was_killed_after_the_commit_takes_effect(
    stack: Stack, ledger: Engine, points: Points, tmp_path: Path
):
    job, _arguments = replace_and_kill(stack, points, tmp_path, "replacing.replaced")
    stack.run_housekeeping()
    assert_complete(stack, ledger, job, CONTENTS, seconds=240)


def test_api_that_was_killed_after_the_trigger_has_started_one_run(
    stack: Stack, ledger: Engine, points: Points, next_job: NextJob
):
    job = next_job()
    points.arm("run.triggered", job)
    with pytest.raises(requests.ConnectionError):
        stack.post(make_bundle())
    assert_complete(stack, ledger, job, CONTENTS)
    assert len(file_ids(ledger, job)) == len(CONTENTS)


def test_job_continues_when_housekeeping_was_killed_after_it_cleared_a_lost_run(
    stack: Stack, ledger: Engine, points: Points, next_job: NextJob
):
    job = next_job()
    points.arm("load_metadata.begun", job, "hold")
    points.arm("housekeeping.cleared", job)
    assert stack.post(make_bundle()) == job
    points.wait_until_reached("load_metadata.begun", job)
    held_jobs.lose_run(stack, job)
    points.release("load_metadata.begun", job)
    stack.run_housekeeping()
    points.wait_until_reached("housekeeping.cleared", job)
    stack.run_housekeeping()
    assert_complete(stack, ledger, job, CONTENTS, seconds=240)


@pytest.mark.parametrize("point", ["run.failed", "run.deleted"])
def test_replacement_of_a_run_that_a_kill_interrupted_is_finished_by_the_next_housekeeping(
    stack: Stack, ledger: Engine, points: Points, next_job: NextJob, point: str
):
    job = next_job()
    points.arm("load_metadata.begun", job, "hold")
    points.arm(point, job)
    assert stack.post(make_bundle()) == job
    points.wait_until_reached("load_metadata.begun", job)
    stack.request_airflow("DELETE", f"/dags/ingest/dagRuns/job-{job}/taskInstances/ingest_metadata")
    points.release("load_metadata.begun", job)
    # The housekeeping of every minute may be killed before a poll sees the text.
    stack.wait(job, lambda state: state["exception"] == MISSING_TEXT or not points.is_armed(point, job))
    stack.run_housekeeping()
    points.wait_until_reached(point, job)
    stack.run_housekeeping()
    assert_complete(stack, ledger, job, CONTENTS, seconds=240)
