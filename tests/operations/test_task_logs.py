"""The logs of Airflow's tasks: which are removed, and which stay."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.operations import task_logs

NOW = datetime.now(UTC)
LIMIT = NOW - timedelta(days=90)
OLD, YOUNG = LIMIT - timedelta(hours=1), LIMIT + timedelta(hours=1)


def make_log(logs: Path, dag_id: str, run_id: str, at: datetime, task: str = "open_tar") -> Path:
    """Write the log of a task at a time, with its folders; return the folder of the run."""
    run = logs / f"dag_id={dag_id}" / f"run_id={run_id}"
    file = run / f"task_id={task}" / "attempt=1.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("a line")
    for path in (file, file.parent, run):
        os.utime(path, (at.timestamp(), at.timestamp()))
    return run


def remove_unused(logs: Path, *kept: str) -> int:
    return task_logs.remove_unused(logs, "ingest", LIMIT, lambda run_id: run_id in kept)


def test_logs_that_are_not_written_any_more_are_removed(tmp_path: Path):
    old = make_log(tmp_path, "ingest", "job-1", OLD)
    young = make_log(tmp_path, "ingest", "job-2", YOUNG)
    assert remove_unused(tmp_path) == 1
    assert (old.exists(), young.exists()) == (False, True)
    assert remove_unused(tmp_path) == 0


def test_logs_of_a_run_that_is_kept_stay(tmp_path: Path):
    kept = make_log(tmp_path, "ingest", "job-1", OLD)
    assert remove_unused(tmp_path, "job-1") == 0
    assert kept.exists()


def test_log_that_is_still_written_keeps_all_logs_of_its_run(tmp_path: Path):
    run = make_log(tmp_path, "ingest", "job-1", OLD)
    make_log(tmp_path, "ingest", "job-1", YOUNG, task="ingest_files")
    os.utime(run, (OLD.timestamp(), OLD.timestamp()))
    assert remove_unused(tmp_path) == 0
    assert len(list(run.iterdir())) == 2


def test_logs_that_another_process_removes_meanwhile_are_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gone, old = (make_log(tmp_path, "ingest", name, OLD) for name in ("job-1", "job-2"))
    lstat = Path.lstat

    def remove_next(path: Path) -> os.stat_result:
        if path.parent == gone:
            shutil.rmtree(gone)
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", remove_next)
    assert remove_unused(tmp_path) == 1
    assert not old.exists()


def test_other_dags_and_other_files_stay(tmp_path: Path):
    other = make_log(tmp_path, "report_cataloged", "job-1", OLD)
    ingest = make_log(tmp_path, "ingest", "job-1", OLD).parent
    note = ingest / "note.txt"
    note.write_text("of an operator")
    os.utime(note, (OLD.timestamp(), OLD.timestamp()))
    assert remove_unused(tmp_path) == 1
    assert (other.exists(), note.exists()) == (True, True)


def test_linked_folder_is_not_followed(tmp_path: Path):
    elsewhere = make_log(tmp_path / "elsewhere", "ingest", "job-1", OLD)
    dag = tmp_path / "logs" / "dag_id=ingest"
    dag.mkdir(parents=True)
    (dag / "run_id=job-1").symlink_to(elsewhere)
    remove_unused(tmp_path / "logs")
    assert (elsewhere / "task_id=open_tar" / "attempt=1.log").exists()


@pytest.mark.parametrize("logs", ["missing", "."])
def test_folder_without_logs_is_no_error(tmp_path: Path, logs: str):
    assert remove_unused(tmp_path / logs) == 0
    task_logs.remove_run(tmp_path / logs, "ingest", "job-1")
    assert task_logs.remove_of_dag_processor(tmp_path / logs, LIMIT) == 0


def test_logs_of_one_run_are_removed(tmp_path: Path):
    one, other = (make_log(tmp_path, "ingest", run_id, NOW) for run_id in ("job-1", "job-10"))
    task_logs.remove_run(tmp_path, "ingest", "job-1")
    assert (one.exists(), other.exists()) == (False, True)


def test_days_of_the_dag_processor_are_removed(tmp_path: Path):
    days = [tmp_path / "dag_processor" / name for name in ("2026-01-01", "2026-01-02", "2026-01-03", "latest")]
    for day in days:
        (day / "dags-folder").mkdir(parents=True)
        (day / "dags-folder" / "ingest_dag.py.log").write_text("a line")
    assert task_logs.remove_of_dag_processor(tmp_path, datetime(2026, 1, 2, 23, tzinfo=UTC)) == 1
    assert [day.exists() for day in days] == [False, True, True, True]
