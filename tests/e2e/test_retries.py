"""An admin's actions: clear and retry failed stages, set a job's state, replace its bundle."""

from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import Engine

from tests.archive_outage import ArchiveOutage
from tests.faults import held_jobs
from tests.faults.points import Points
from tools.bundles import make_bundle, make_tar
from tools.stack import Stack, State
from tools.stack_contents import archived, cataloged, events, file_ids, in_catalog_form, stored_names

FEW = {"data/few/one.txt": b"one", "data/few/two.txt": b"two"}


def fail_at_ingest_files(stack: Stack, archive_outage: ArchiveOutage) -> int:
    """Post a job that fails because the archive is unavailable; return its id."""
    with archive_outage.unavailable():
        job = stack.post(make_bundle(FEW))
        waiting = stack.wait(job, lambda state: bool(state["exception"]) or state["complete"])
        assert (waiting["state"], waiting["task"]) == ("OK", "ingest files")
        assert "archive" in waiting["exception"]
        failed = stack.wait_for_end(job)
    assert (failed["state"], failed["task"]) == ("FAILED", "ingest files")
    assert f"file://{quote(str(stack.home))}/archive" in failed["exception"]
    return job


def assert_complete_once(stack: Stack, ledger: Engine, job: int, contents: dict[str, bytes], state: State) -> None:
    """Assert that a job is complete, with one transaction and one set of files."""
    assert (state["state"], state["task"], state["task_percent"]) == ("OK", "ingest metadata", "100.0")
    entries = cataloged(ledger, job)
    assert entries is not None
    assert archived(stack.home, entries) == in_catalog_form(contents)
    assert sorted(int(str(entry["_id"])) for entry in entries.values()) == sorted(i or 0 for i in file_ids(ledger, job))


def task_path(job: int, task: str) -> str:
    return f"/dags/ingest/dagRuns/job-{job}/taskInstances/{task}"


def test_failed_stage_that_is_cleared_in_airflow_ends_in_a_complete_job(
    stack: Stack, ledger: Engine, archive_outage: ArchiveOutage
):
    job = fail_at_ingest_files(stack, archive_outage)
    before, stored = file_ids(ledger, job), stored_names(stack.home)
    stack.clear(job, "ingest_files")
    state = stack.wait(job, lambda state: state["complete"] and state["state"] == "OK")
    assert_complete_once(stack, ledger, job, FEW, state)
    assert file_ids(ledger, job) == before
    assert len(stored_names(stack.home) - stored) == len(FEW)


def test_retry_continues_a_failed_job(stack: Stack, ledger: Engine, archive_outage: ArchiveOutage):
    job = fail_at_ingest_files(stack, archive_outage)
    before = file_ids(ledger, job)
    assert stack.command("retry", "--job_id", str(job)).returncode == 0
    state = stack.wait(job, lambda state: state["complete"] and state["state"] == "OK")
    assert_complete_once(stack, ledger, job, FEW, state)
    assert file_ids(ledger, job) == before


def test_job_that_an_admin_failed_during_a_stage_continues_when_it_is_retried(
    stack: Stack, ledger: Engine, points: Points
):
    job = held_jobs.post_and_hold(stack, points)
    given = ("--state", "FAILED", "--task", "ingest files", "--task-percent", "0.0", "--exception", "Failed by admin")
    assert stack.command("job", "--job-id", str(job), *given).returncode == 0
    held_jobs.release(points, job)
    state = stack.state(job)
    assert (state["state"], state["task"], state["exception"]) == ("FAILED", "ingest files", "Failed by admin")
    assert state["complete"] is True
    run = stack.request_airflow("GET", f"/dags/ingest/dagRuns/job-{job}")
    assert run["state"] == "failed"
    assert cataloged(ledger, job) is None
    assert stack.command("retry", "--job_id", str(job)).returncode == 0
    state = stack.wait(job, lambda state: state["complete"] and state["state"] == "OK")
    assert_complete_once(stack, ledger, job, held_jobs.CONTENTS, state)
    assert "override" in events(ledger, job)


def test_stage_marked_success_by_hand_never_shows_a_job_complete(
    stack: Stack, ledger: Engine, archive_outage: ArchiveOutage
):
    job = fail_at_ingest_files(stack, archive_outage)
    stack.request_airflow("PATCH", task_path(job, "ingest_files"), {"new_state": "success"})
    stack.clear(job, "ingest_metadata")
    state = stack.wait(job, lambda state: state["complete"] and state["task"] == "ingest metadata")
    assert state["state"] == "FAILED"
    assert "marked by hand" in state["exception"]
    assert cataloged(ledger, job) is None


def test_run_marked_success_by_hand_never_shows_a_job_complete(
    stack: Stack, ledger: Engine, archive_outage: ArchiveOutage
):
    job = fail_at_ingest_files(stack, archive_outage)
    stack.request_airflow("PATCH", f"/dags/ingest/dagRuns/job-{job}", {"state": "success"})
    stack.wait(job, lambda state: state["state"] == "FAILED")
    assert stack.command("retry", "--job_id", str(job)).returncode == 0
    state = stack.wait(job, lambda state: state["complete"] and state["state"] == "OK")
    assert_complete_once(stack, ledger, job, FEW, state)


def test_retry_with_a_path_runs_that_file_as_the_job(stack: Stack, ledger: Engine, tmp_path: Path):
    job = stack.post(make_tar(FEW))
    assert stack.wait_for_end(job)["task"] == "load metadata"
    fixed = tmp_path / "fixed.tar"
    make_bundle(FEW, path=fixed)
    assert stack.command("retry", "--job_id", str(job), "--path", str(fixed), "--username", "ada").returncode == 0
    state = stack.wait(job, lambda state: state["complete"] and state["state"] == "OK")
    assert_complete_once(stack, ledger, job, FEW, state)
    assert fixed.exists()


@pytest.mark.parametrize("arguments", [("retry", "--job_id", "1"), ("job", "--state", "FAILED", "--task", "open tar")])
def test_cataloged_job_cannot_be_changed(stack: Stack, arguments: tuple[str, ...]):
    job = stack.post(make_bundle(FEW))
    stack.wait_for_end(job)
    name, *others = arguments
    others = [word for word in others if word not in ("--job_id", "1")]
    answer = stack.command(name, "--job-id", str(job), *others)
    assert answer.returncode == 1
    assert "its state cannot be changed any more" in answer.stderr
    assert stack.state(job)["complete"] is True
