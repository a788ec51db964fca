"""Each obstacle that keeps Airflow from running a job is reported in a sentence; queued jobs have no obstacle."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from ingest.errors.types import AirflowNotReady, ServiceUnavailable
from ingest.ledger import job_runs
from ingest.ledger.jobs import JobSnapshot, Received
from ingest.orchestrator import obstacles
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.obstacles import POOLS_PATH, find_obstacles, job_obstacles, report_obstacles, restore_pool
from ingest.states.job_record import JobRecord, JobState, JobStatus, Outcome, StageError
from ingest.states.stages import Kind, Pool, Stage
from tests.job_creation import create_job
from tests.orchestrator.airflow_documents import Document, documents, with_dag, with_import_error, without_dag

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAUSED = "the DAG ingest is paused in Airflow; unpause it (Airflow UI, or airflow dags unpause ingest)"
NO_POOL = "the pool archive is missing in Airflow; the DAG housekeeping restores it within a minute"
NO_SLOTS = "the pool archive has no slots in Airflow; give it some (Airflow UI, Admin, Pools)"
MISSING = "the DAG ingest is missing in Airflow; check the dag-processor and the DAGs folder"
BROKEN = "the DAG ingest has an import error; fix what Airflow's UI shows under Dag Import Errors"
next_id = iter(range(8_400_000, 8_500_000))


@dataclass
class Airflow(AirflowApi):
    """Airflow that answers the documents of a test."""

    documents: dict[str, Document | None] = field(default_factory=documents)
    created: list[Document] = field(default_factory=list)
    is_unavailable: bool = False

    def read(self, path: str, seconds: float | None = None, missing: int = 404) -> Any | None:  # noqa: ARG002
        if self.is_unavailable:
            raise self.unavailable("connection refused")
        return self.documents[path]

    def unavailable(self, reason: str) -> ServiceUnavailable:
        return ServiceUnavailable("Airflow", "http://test", reason)


def pool(name: str, document: Document | None) -> dict[str, Document | None]:
    return {**documents(), POOLS_PATH + name: document}


def job(kind: Kind = Kind.INGEST, triggered: datetime | None = NOW, **record: object) -> JobSnapshot:
    known = JobRecord(kind, **record)  # type: ignore[arg-type]
    return JobSnapshot(Received(7, kind, "ada", "7.tar", 1), known, NOW, NOW, triggered, NOW)


@pytest.mark.parametrize(
    ("found", "sentences"),
    [
        (documents(), []),
        (with_dag("ingest", is_paused=True), [PAUSED]),
        (with_import_error({"total_entries": 1}), [BROKEN]),
        # The account may not read import errors: 403.
        (with_import_error(None), [BROKEN]),
        # The file was deleted after its error was noticed.
        (with_import_error({"total_entries": 0}), [MISSING]),
        (with_dag("ingest", is_stale=True), [MISSING]),
        (without_dag("ingest"), [MISSING]),
        (with_dag("reconcile", is_paused=True), []),
        (with_dag("housekeeping", is_paused=True), [PAUSED.replace("ingest", "housekeeping")]),
        (pool(Pool.ARCHIVE, None), [NO_POOL]),
        (pool(Pool.ARCHIVE, {"slots": 0}), [NO_SLOTS]),
        (pool(Pool.ARCHIVE, {"slots": -1}), []),
        (pool(Pool.DEFAULT, {"slots": 0}), [NO_SLOTS.replace("archive", "default_pool")]),
    ],
)
def test_obstacle_is_named(found: dict[str, Document | None], sentences: list[str]):
    assert find_obstacles(Airflow(found)).sentences == sentences


@pytest.mark.parametrize("found", [{"dags": [{"dag_id": "ingest"}]}, {}, []])
def test_unexpected_response_is_unavailability(found: Any):
    documents_of_test = documents()
    documents_of_test[obstacles.DAGS_PATH] = found
    with pytest.raises(ServiceUnavailable, match="returned a document without"):
        find_obstacles(Airflow(documents_of_test))


@pytest.mark.parametrize(
    ("found", "snapshot", "sentences"),
    [
        (with_dag("ingest", is_paused=True), job(), [PAUSED]),
        (with_dag("ingest", is_paused=True), job(Kind.MOVE), []),
        (with_dag("ingest", is_paused=True), job(outcome=Outcome.CATALOGED), []),
        (with_dag("ingest", is_paused=True), job(override=JobState(JobStatus.FAILED, "open tar", 0.0, "", True)), []),
        (with_dag("ingest", is_paused=True), job(error=StageError(Stage.OPEN_TAR, "why", final=True)), []),
        (pool(Pool.ARCHIVE, None), job(finished=Stage.VALIDATE_POLICY), [NO_POOL]),
        (pool(Pool.ARCHIVE, None), job(), [NO_POOL]),
        (pool(Pool.ARCHIVE, None), job(finished=Stage.INGEST_FILES), []),
        (with_dag("housekeeping", is_paused=True), job(), []),
        (with_dag("housekeeping", is_paused=True), job(triggered=None), [PAUSED.replace("ingest", "housekeeping")]),
    ],
)
def test_job_meets_the_obstacles_that_are_on_its_way(
    found: dict[str, Document | None], snapshot: JobSnapshot, sentences: list[str]
):
    assert job_obstacles(Airflow(found), snapshot) == sentences


def test_job_that_waits_meets_the_pool_of_its_next_stage_only():
    found = find_obstacles(Airflow(pool(Pool.ARCHIVE, None)))
    assert found.for_job(Kind.INGEST, [Stage.OPEN_TAR], needs_housekeeping=True) == []
    assert found.for_job(Kind.INGEST, [Stage.INGEST_FILES], needs_housekeeping=True) == [NO_POOL]


# Retry


@pytest.fixture
def job_id(database_engine: Engine) -> int:
    number = next(next_id)
    create_job(database_engine, Received(number, Kind.INGEST, "ada", f"{number}.tar", 1))
    job_runs.mark_triggered(database_engine, number)
    return number


def test_job_that_was_started_and_meets_no_obstacle_is_no_error(database_engine: Engine, job_id: int):
    with report_obstacles(database_engine, Airflow(), job_id):
        pass


def test_started_job_that_cannot_run_is_an_error_with_the_reason(database_engine: Engine, job_id: int):
    with (
        pytest.raises(AirflowNotReady) as raised,
        report_obstacles(database_engine, Airflow(with_dag("ingest", is_paused=True)), job_id),
    ):
        pass
    assert raised.value.text == f"job {job_id} cannot run: {PAUSED}"


def test_error_of_a_job_that_could_not_be_started_names_the_obstacle(database_engine: Engine, job_id: int):
    airflow = Airflow(without_dag("ingest"))
    with pytest.raises(AirflowNotReady) as raised, report_obstacles(database_engine, airflow, job_id):
        raise airflow.unavailable("POST dagRuns answered 404")
    assert raised.value.text == f"job {job_id} cannot run: {MISSING}"


@pytest.mark.parametrize("airflow", [Airflow(is_unavailable=True), Airflow()])
def test_job_that_could_not_be_started_for_another_reason_keeps_its_error(
    database_engine: Engine, job_id: int, airflow: Airflow
):
    with pytest.raises(ServiceUnavailable, match="500"), report_obstacles(database_engine, airflow, job_id):
        raise airflow.unavailable("POST dagRuns answered 500")


# The pool


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> list[Document]:
    """Return a list that collects the created pools."""
    found: list[Document] = []
    monkeypatch.setattr(AirflowApi, "create_pool", lambda _, pool: found.append(pool))
    return found


def test_pool_that_was_deleted_is_restored(created: list[Document]):
    assert restore_pool(Airflow(pool(Pool.ARCHIVE, None)), slots=7)
    [document] = created
    assert (document["name"], document["slots"]) == ("archive", 7)


@pytest.mark.parametrize("slots", [4, 0, 1000])
def test_pool_that_is_there_is_left_as_an_admin_has_set_it(created: list[Document], slots: int):
    assert not restore_pool(Airflow(pool(Pool.ARCHIVE, {"slots": slots})), slots=4)
    assert created == []
