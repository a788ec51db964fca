"""What a run of housekeeping notes about itself, and which earlier runs it removes. On the real stack: tests/e2e."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingest.errors.types import RunChanged, ServiceUnavailable
from ingest.operations import housekeeping_runs
from ingest.orchestrator.client import AirflowApi
from tests.operations.test_task_logs import NOW, make_log


@dataclass
class Airflow:
    """A scripted Airflow with uneventful runs."""

    uneventful: list[str] = field(default_factory=list)
    started_again: set[str] = field(default_factory=set)
    notes: dict[str, str] = field(default_factory=dict)

    def delete(self, run_id: str) -> None:
        if run_id in self.started_again:
            raise RunChanged("Airflow", "http://airflow", "409")
        self.uneventful.remove(run_id)


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    airflow = Airflow()
    monkeypatch.setattr(AirflowApi, "set_note", lambda _, _dag, run_id, note: airflow.notes.update({run_id: note}))
    monkeypatch.setattr(AirflowApi, "delete", lambda _, _dag, run_id: airflow.delete(run_id))
    monkeypatch.setattr(housekeeping_runs, "uneventful_runs", lambda _, _dag: list(airflow.uneventful))
    return airflow


def test_run_that_did_something_says_what(airflow: Airflow, tmp_path: Path):
    counts = {"triggered": 0, "given_up": 1, "cleared": 2, "pools_restored": 0}
    housekeeping_runs.end_run("run-9", counts, tmp_path)
    assert airflow.notes == {"run-9": "cleared: 2, given up: 1"}


@pytest.mark.parametrize("counts", [{}, {"triggered": 0, "cleared": 0, "pools_restored": 0}])
def test_run_that_did_nothing_has_no_note(airflow: Airflow, tmp_path: Path, counts: dict[str, int]):
    housekeeping_runs.end_run("run-9", counts, tmp_path)
    assert airflow.notes == {}


def test_earlier_runs_are_removed_with_their_logs(airflow: Airflow, tmp_path: Path):
    airflow.uneventful = ["run-8", "run-7"]
    logs = [make_log(tmp_path, "housekeeping", run_id, NOW) for run_id in ("run-9", "run-8", "run-7")]
    housekeeping_runs.end_run("run-9", {}, tmp_path)
    assert airflow.uneventful == []
    assert [log.exists() for log in logs] == [True, False, False]


def test_runs_that_cannot_be_removed_do_not_fail_the_run(
    airflow: Airflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(_api: AirflowApi, _dag: str) -> list[str]:
        raise ServiceUnavailable("Airflow", "http://airflow", "no connection")

    monkeypatch.setattr(housekeeping_runs, "uneventful_runs", refuse)
    housekeeping_runs.end_run("run-9", {"cleared": 1}, tmp_path)
    assert airflow.notes == {"run-9": "cleared: 1"}


def test_run_whose_note_cannot_be_set_fails(airflow: Airflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_api: AirflowApi, _dag: str, _run_id: str, _note: str) -> None:
        raise ServiceUnavailable("Airflow", "http://airflow", "no connection")

    monkeypatch.setattr(AirflowApi, "set_note", refuse)
    with pytest.raises(ServiceUnavailable):
        housekeeping_runs.end_run("run-9", {"cleared": 1}, tmp_path)


def test_run_that_an_operator_started_again_does_not_keep_the_others(airflow: Airflow, tmp_path: Path):
    airflow.uneventful, airflow.started_again = ["run-8", "run-7"], {"run-8"}
    housekeeping_runs.end_run("run-9", {}, tmp_path)
    assert airflow.uneventful == ["run-8"]
