"""A scripted Airflow, in which housekeeping finds the runs of jobs, and jobs in a real ledger."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete

from ingest.errors.types import RunChanged, ServiceUnavailable
from ingest.ledger import job_runs
from ingest.ledger.database import transaction
from ingest.ledger.jobs import Received
from ingest.ledger.lease import acquire_job
from ingest.ledger.models import Job
from ingest.operations import housekeeping, repair_job, resume_jobs
from ingest.orchestrator import runs
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import Settings
from ingest.states.airflow import Run
from ingest.states.stages import Kind, Pool, Stage
from tests.job_creation import create_job
from tests.services.archive_folders import marked_archive

MakeJob = Callable[..., int]
QUEUED = Run("queued")
next_id = iter(range(7_000_000, 8_000_000))


@dataclass
class Airflow:
    """A scripted Airflow: the runs, and the requests to it. A run that is triggered or cleared is queued."""

    runs: dict[str, Run] = field(default_factory=dict)
    foreign: dict[str, str] = field(default_factory=dict)
    marked: dict[str, str] = field(default_factory=dict)
    away_for: set[str] = field(default_factory=set)
    collisions: list[str] = field(default_factory=list)
    triggered: list[str] = field(default_factory=list)
    cleared: dict[str, list[str]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    notes: dict[str, str | None] = field(default_factory=dict)
    pools: dict[str, int] = field(default_factory=lambda: {Pool.ARCHIVE: 4})
    on_read: Callable[[], None] = lambda: None
    starts: bool = True

    def run(self, _dag: str, run_id: str) -> Run:
        self.on_read()
        if run_id in self.away_for:
            raise ServiceUnavailable("Airflow", "http://airflow", "400")
        return Run(None) if run_id in self.foreign else self.runs.get(run_id, Run(None))

    def trigger(self, _dag: str, run_id: str, _conf: object, _place: datetime) -> bool:
        self.collide("trigger")
        if run_id in self.runs:
            return False
        self.triggered.append(run_id)
        self.runs[run_id] = QUEUED
        return True

    def clear(self, _dag: str, run_id: str, tasks: list[str]) -> frozenset[str]:
        self.collide("clear")
        run = self.runs[run_id]
        self.cleared[run_id] = tasks
        hit = frozenset(tasks) - set(run.missing)
        if hit and self.starts:
            self.runs[run_id] = Run("queued", (), run.missing)
        return hit

    def note(self, _dag: str, run_id: str) -> str | None:
        return self.notes.get(run_id)

    def set_note(self, _dag: str, run_id: str, note: str | None) -> None:
        self.notes[run_id] = note

    def fail(self, _dag: str, run_id: str) -> None:
        self.collide("fail")
        self.runs[run_id] = replace(self.runs[run_id], state="failed")

    def delete(self, _dag: str, run_id: str) -> None:
        self.collide("delete")
        self.deleted.append(run_id)
        self.runs.pop(run_id)
        self.foreign.pop(run_id, None)

    def collide(self, request: str) -> None:
        """Raise a collision if `collisions` contains this request, and remove it from there."""
        if request in self.collisions:
            self.collisions.remove(request)
            raise RunChanged("Airflow", "http://airflow", "409")


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Airflow:
    known = Airflow()

    def read(_api: AirflowApi, path: str) -> dict[str, int] | None:
        name = path.rpartition("/")[2]
        return {"slots": known.pools[name]} if name in known.pools else None

    monkeypatch.setattr(AirflowApi, "read", read)
    monkeypatch.setattr(AirflowApi, "create_pool", lambda _, pool: known.pools.update({pool["name"]: pool["slots"]}))
    monkeypatch.setattr(housekeeping, "load_settings", lambda: settings)
    monkeypatch.setattr(resume_jobs, "MAX_SECONDS", 0.0)
    monkeypatch.setattr(runs, "LONGEST_PAUSE_SECONDS", runs.SHORTEST_PAUSE_SECONDS / 10)
    monkeypatch.setattr(runs, "SHORTEST_PAUSE_SECONDS", runs.SHORTEST_PAUSE_SECONDS / 10)
    monkeypatch.setattr(repair_job, "marked_failed_by", lambda _, _dag, run_id: known.marked.get(run_id))
    monkeypatch.setattr(resume_jobs, "runs_marked_lately", lambda _: frozenset(known.marked))
    monkeypatch.setattr(AirflowApi, "foreign_run", lambda _, _dag, run_id: known.foreign.get(run_id, ""))
    for name in ("run", "trigger", "clear", "fail", "delete", "note", "set_note"):
        monkeypatch.setattr(AirflowApi, name, getattr(known, name))
    return known


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_url, archiveinterface_url=marked_archive(tmp_path / "archive"))


@pytest.fixture
def make_job(database_engine: Engine) -> MakeJob:
    """Return a function that makes an unfinished job; the ledger has no unfinished jobs of other tests."""
    with transaction(database_engine) as session:
        session.execute(delete(Job))

    def make(*, triggered: bool = True) -> int:
        job = next(next_id)
        create_job(database_engine, Received(job, Kind.INGEST, "ada", f"{job}.tar", 10))
        if triggered:
            job_runs.mark_triggered(database_engine, job)
        return job

    return make


def finish_stage(engine: Engine, job: int) -> None:
    with acquire_job(engine, job, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.finish_stage()


def fail_stage(engine: Engine, job: int, *, final: bool) -> None:
    with acquire_job(engine, job, Stage.OPEN_TAR, 1) as lease:
        assert lease is not None
        lease.fail_stage("code", "text", final=final)
