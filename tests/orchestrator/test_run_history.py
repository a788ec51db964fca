"""Which runs Airflow's list is searched for, and what is read from it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ingest.errors.types import ServiceUnavailable
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.run_history import RUNS_PER_REQUEST, runs_ended_before, uneventful_runs
from ingest.settings.loading import Settings
from tests.orchestrator.scripted_airflow import Airflow, scripted_airflow

NEWEST = "/api/v2/dags/housekeeping/dagRuns?state=success&run_type=scheduled&order_by=-run_after&limit=50"
OLDEST = (
    "/api/v2/dags/ingest/dagRuns?state=failed&state=success&end_date_lt=2026-08-01T00%3A00%3A00%2B00%3A00"
    "&order_by=id&offset=3&limit=50"
)
TIME = datetime(2026, 8, 1, tzinfo=UTC)


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    with scripted_airflow() as airflow:
        yield airflow


@pytest.fixture
def api(airflow: Airflow) -> AirflowApi:
    return AirflowApi(Settings(airflow_url=airflow.url))


def listed(*runs: tuple[str, str | None]) -> dict[str, Any]:
    return {"dag_runs": [{"dag_run_id": run_id, "note": note} for run_id, note in runs]}


def test_newest_run_and_runs_with_a_note_are_not_uneventful(airflow: Airflow, api: AirflowApi) -> None:
    runs = [("run-4", None), ("run-3", "cleared: 1"), ("run-2", None), ("run-1", "")]
    airflow.answer("GET", NEWEST, (200, listed(*runs)))
    assert uneventful_runs(api, "housekeeping") == ["run-2", "run-1"]


def test_old_runs_are_read_from_the_oldest_one_on(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answer("GET", OLDEST, (200, listed(("job-1", None), ("job-2", "a note"))))
    assert runs_ended_before(api, "ingest", TIME, skipped=3) == ["job-1", "job-2"]


def test_a_list_is_never_longer_than_one_response_of_airflow() -> None:
    assert parse_qs(urlsplit(NEWEST).query)["limit"] == [str(RUNS_PER_REQUEST)]
    assert RUNS_PER_REQUEST <= 100


def test_a_dag_that_airflow_does_not_know_has_no_runs(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answer("GET", OLDEST, (404, {"detail": "not found"}))
    assert runs_ended_before(api, "ingest", TIME, skipped=3) == []


@pytest.mark.parametrize("document", [{}, {"dag_runs": [{"note": None}]}, {"dag_runs": None}, []])
def test_a_list_without_what_is_needed_is_a_transient_error(airflow: Airflow, api: AirflowApi, document: Any) -> None:
    airflow.answer("GET", OLDEST, (200, document))
    with pytest.raises(ServiceUnavailable, match="list of runs"):
        runs_ended_before(api, "ingest", TIME, skipped=3)


def test_the_note_of_a_run_that_was_deleted_is_no_error(airflow: Airflow, api: AirflowApi) -> None:
    path = "/api/v2/dags/housekeeping/dagRuns/run-1"
    airflow.answer("PATCH", path, (200, {}), (404, {"detail": "not found"}))
    for _ in range(2):
        api.set_note("housekeeping", "run-1", "cleared: 1")
    assert [each.body for each in airflow.received if each.path == path] == [{"note": "cleared: 1"}] * 2
