"""Reports for admins and Airflow: lines or JSON, an exit code, and an error that fails the task."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.cli.main import main
from ingest.errors.types import DifferencesFound
from ingest.operations.reconcile import weekly
from tests.operations.reconcile.conftest import ids_of, stored

PATH = "data/a/b/one.txt"

pytestmark = pytest.mark.usefixtures("settings_in_environment")


@pytest.fixture
def lost(cataloged: int, database_engine: Engine, tmp_path: Path) -> int:
    """Remove a file from the archive; return its id."""
    file_id = ids_of(database_engine, cataloged)[PATH]
    stored(tmp_path / "archive", file_id).unlink()
    return file_id


def test_command_ends_with_0_when_nothing_is_found(cataloged: int, capsys: pytest.CaptureFixture[str]):
    assert main(["reconcile"]) == 0
    assert "jobs 1" in capsys.readouterr().out


def test_command_names_job_file_path_and_remedy(lost: int, cataloged: int, capsys: pytest.CaptureFixture[str]):
    assert main(["reconcile", "--rehash", "none"]) == 3
    line = capsys.readouterr().out.splitlines()[0]
    assert line == (
        f"lost: job {cataloged}, file {lost}, path 'a/b/one.txt': the archive lacks it; restore it from a backup"
    )


def test_command_prints_json(lost: int, cataloged: int, capsys: pytest.CaptureFixture[str]):
    assert main(["reconcile", "--json", "--rehash", "full"]) == 3
    finding, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert (finding["problem"], finding["job_id"], finding["file_id"]) == ("lost", cataloged, lost)
    assert (last["summary"]["lost"], last["summary"]["hashed"]) == (1, 2)


def test_command_about_an_unknown_job_is_an_error(cataloged: int, capsys: pytest.CaptureFixture[str]):
    assert main(["reconcile", "--job-id", "999"]) == 1
    assert "job ID 999" in capsys.readouterr().err


@pytest.mark.parametrize("percent", ["0", "101", "some"])
def test_sample_that_is_no_percentage_is_wrong_usage(cataloged: int, percent: str):
    with pytest.raises(SystemExit) as end:
        main(["reconcile", "--sample-percent", percent])
    assert end.value.code == 2


def test_weekly_run_returns_a_small_summary(cataloged: int):
    summary = weekly.reconcile()
    assert (summary["jobs"], summary["files"], summary["lost"]) == (1, 3, 0)
    assert len(json.dumps(summary)) < 1000


def test_weekly_run_with_findings_fails_with_their_number(lost: int, caplog: pytest.LogCaptureFixture):
    with pytest.raises(DifferencesFound, match="lost 1"):
        weekly.reconcile()
    assert f"file {lost}" in caplog.text
