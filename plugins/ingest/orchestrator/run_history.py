"""Airflow's list of runs that have ended: which did nothing, and which ended long ago.

Called by `ingest.operations.housekeeping_runs` and `ingest.operations.old_runs`, which remove them.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from ingest.orchestrator.client import AirflowApi
from ingest.states.airflow import ENDED_RUN_STATES, RunState

# Airflow returns at most 100 runs in one response; a shorter list blocks its api-server for a shorter time.
RUNS_PER_REQUEST = 50


def uneventful_runs(airflow: AirflowApi, dag_id: str) -> list[str]:
    """Return the ids of the newest runs of a DAG that were scheduled and succeeded, and that have no note.

    The newest one is not among them: it shows when the DAG last succeeded, and Airflow schedules the next run by it.
    Raises ServiceUnavailable.
    """
    newest_first = ("order_by", "-run_after")
    found = _read(airflow, dag_id, ("state", RunState.SUCCESS), ("run_type", "scheduled"), newest_first)
    return [run_id for run_id, note in found[1:] if not note]


def runs_ended_before(airflow: AirflowApi, dag_id: str, time: datetime, skipped: int = 0) -> list[str]:
    """Return the ids of runs of a DAG that ended before a time, the oldest first, without the first `skipped` ones.

    Raises ServiceUnavailable.
    """
    states = [("state", state) for state in sorted(ENDED_RUN_STATES)]
    oldest_first = (("order_by", "id"), ("offset", skipped))
    return [run_id for run_id, _ in _read(airflow, dag_id, *states, ("end_date_lt", time.isoformat()), *oldest_first)]


def _read(airflow: AirflowApi, dag_id: str, *query: tuple[str, Any]) -> list[tuple[str, str | None]]:
    """Return the ids and the notes of runs."""
    parameters = urlencode([*query, ("limit", RUNS_PER_REQUEST)])
    listed = airflow.read(f"/api/v2/dags/{dag_id}/dagRuns?{parameters}")
    if listed is None:
        return []
    try:
        return [(run["dag_run_id"], run["note"]) for run in listed["dag_runs"]]
    except (KeyError, TypeError) as error:
        raise airflow.unavailable(f"it returned a list of runs without {error}") from error
