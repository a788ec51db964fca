"""Which old runs and logs are removed from Airflow: never those of a job that is still being processed or waits."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.errors.types import RunChanged, ServiceUnavailable
from ingest.ledger import jobs
from ingest.operations import old_runs
from ingest.orchestrator.client import AirflowApi
from ingest.states.job_record import JobState, JobStatus
from tests.job_fixtures import MakeJob
from tests.operations.test_task_logs import NOW, OLD, make_log

FAILED_BY_ADMIN = JobState(JobStatus.FAILED, "open tar", 0.0, "by hand", complete=True)


@dataclass
class Airflow:
    """A scripted Airflow, which has only runs that ended long ago, by their DAG."""

    runs: dict[str, list[str]] = field(default_factory=dict)
    started_again: set[str] = field(default_factory=set)
    page: int = 2

    def ended_before(self, _api: AirflowApi, dag_id: str, _time: datetime, skipped: int = 0) -> list[str]:
        return self.runs.get(dag_id, [])[skipped:][: self.page]

    def delete(self, dag_id: str, run_id: str) -> None:
        if run_id in self.started_again:
            raise RunChanged("Airflow", "http://airflow", "409")
        self.runs[dag_id].remove(run_id)


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    airflow = Airflow()
    monkeypatch.setattr(old_runs, "runs_ended_before", airflow.ended_before)
    monkeypatch.setattr(AirflowApi, "delete", airflow.delete)
    return airflow


def test_runs_of_all_dags_are_removed(airflow: Airflow, tmp_path: Path):
    names = [f"scheduled__{number}" for number in range(5)]
    airflow.runs = {dag_id: list(names) for dag_id in ("housekeeping", "retention", "reconcile", "ingest", "move")}
    airflow.runs["report_cataloged"] = list(names)
    assert old_runs.remove_old_runs(tmp_path) == {"runs": 25, "kept": 0, "logs": 0}
    assert [dag_id for dag_id, runs in airflow.runs.items() if runs] == ["report_cataloged"]


def test_runs_of_open_jobs_stay_with_their_logs(
    airflow: Airflow, make_job: MakeJob, rejected: int, cataloged: int, tmp_path: Path
):
    unfinished = [make_job() for _ in range(3)]
    runs = [f"job-{job}" for job in (unfinished[0], rejected, *unfinished[1:], cataloged)]
    airflow.runs["ingest"] = list(runs)
    logs = {run_id: make_log(tmp_path, "ingest", run_id, OLD) for run_id in runs}
    counts = old_runs.remove_old_runs(tmp_path)
    open_runs = [f"job-{job}" for job in unfinished]
    assert counts == {"runs": 2, "kept": 3, "logs": 2}
    assert airflow.runs["ingest"] == open_runs
    assert [run_id for run_id, folder in logs.items() if folder.exists()] == open_runs


def test_run_of_a_job_that_an_admin_failed_is_removed(
    airflow: Airflow, make_job: MakeJob, database_engine: Engine, tmp_path: Path
):
    job = make_job()
    jobs.override(database_engine, job, FAILED_BY_ADMIN)
    airflow.runs["ingest"] = [f"job-{job}"]
    assert old_runs.remove_old_runs(tmp_path)["runs"] == 1


@pytest.mark.parametrize(
    "run_id", ["job-", "job-x", "job-1_0", "job-٣", "job-007", "manual__2026", f"job-{2**70}", "job--1"]
)
def test_run_that_is_of_no_job_is_removed(airflow: Airflow, tmp_path: Path, run_id: str):
    airflow.runs["ingest"] = [run_id]
    assert old_runs.remove_old_runs(tmp_path)["runs"] == 1


def test_run_that_is_started_again_meanwhile_stays(airflow: Airflow, cataloged: int, tmp_path: Path):
    airflow.runs["ingest"] = [f"job-{cataloged}", "manual"]
    airflow.started_again = {f"job-{cataloged}"}
    assert old_runs.remove_old_runs(tmp_path) == {"runs": 1, "kept": 1, "logs": 0}


def test_one_run_of_retention_removes_a_limited_number(
    airflow: Airflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(old_runs, "MAX_RUNS", 3)
    airflow.runs = {"ingest": [f"manual-{n}" for n in range(9)], "move": ["manual"]}
    assert old_runs.remove_old_runs(tmp_path)["runs"] == 4
    assert [len(runs) for runs in airflow.runs.values()] == [5, 1]


def test_logs_stay_until_their_age(airflow: Airflow, tmp_path: Path):
    young = make_log(tmp_path, "ingest", "manual", NOW)
    assert old_runs.remove_old_runs(tmp_path)["logs"] == 0
    assert young.exists()


def test_airflow_that_is_unavailable_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INGEST_AIRFLOW_URL", "http://127.0.0.1:9")
    with pytest.raises(ServiceUnavailable):
        old_runs.remove_old_runs(tmp_path)
