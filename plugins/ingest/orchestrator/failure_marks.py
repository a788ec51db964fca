"""Finds out from Airflow's event log who marked a job's run, or a task of it, as failed.

Called by housekeeping, which restarts a run that Airflow lost, but not one that an operator ended.
"""

import json
import logging
from collections.abc import Collection, Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from ingest.orchestrator.client import AirflowApi
from ingest.states.airflow import TaskState

logger = logging.getLogger(__name__)

# The event log's names for requests that set the state of a run or of its tasks, and for those that start a run.
MARKS = frozenset({"patch_dag_run", "patch_task_instance", "patch_task_group_instances"})
STARTS = frozenset({"trigger_dag_run", "post_clear_task_instances", "clear_dag_run"})
# The same for several runs in one request: only the logged body of the request names the runs.
MARKS_OF_SEVERAL = frozenset({"bulk_dag_runs"})
STARTS_OF_SEVERAL = frozenset({"clear_dag_runs"})
# The most entries that Airflow returns in one response.
MAX_ENTRIES = 100
STATE_KEYS = ("state", "new_state")
Entry = dict[str, Any]


def marked_failed_by(airflow: AirflowApi, dag_id: str, run_id: str) -> str | None:
    """Return the account that marked a run, or a task of it, as failed since the run was last started, or None.

    Marks by this service itself do not count. Raises ServiceUnavailable.
    """
    entries = _read(airflow, MARKS | STARTS, ("dag_id", dag_id), ("run_id", run_id))
    several = _read(airflow, MARKS_OF_SEVERAL | STARTS_OF_SEVERAL)
    entries += [entry for entry in several if any(body.get("dag_run_id") == run_id for body in _bodies(entry))]
    for entry in sorted(entries, key=lambda entry: int(entry["event_log_id"]), reverse=True):
        if entry["event"] in STARTS | STARTS_OF_SEVERAL:
            return None
        states = _states(entry, run_id)
        if states and entry["owner"] != airflow.username:
            return str(entry["owner"]) if TaskState.FAILED in states else None
    return None


def runs_marked_lately(airflow: AirflowApi) -> frozenset[str]:
    """Return the ids of the runs that the newest marks in the log name, by others than this service.

    One request for all runs; `marked_failed_by` then decides about each of them. Raises ServiceUnavailable.
    """
    marks = [entry for entry in _read(airflow, MARKS | MARKS_OF_SEVERAL) if entry["owner"] != airflow.username]
    named = {body.get("dag_run_id") for entry in marks for body in _bodies(entry)} | {
        entry.get("run_id") for entry in marks
    }
    return frozenset(str(run_id) for run_id in named if run_id)


def _read(airflow: AirflowApi, events: Collection[str], *filters: tuple[str, str]) -> list[Entry]:
    """Return the newest entries of these events; none if this service is not permitted to read the log."""
    names = [("included_events", event) for event in sorted(events)]
    query = urlencode([*filters, *names, ("order_by", "-event_log_id"), ("limit", MAX_ENTRIES)])
    answer = airflow.read(f"/api/v2/eventLogs?{query}", missing=HTTPStatus.FORBIDDEN)
    if answer is None:
        logger.warning("the account %s is not permitted to read Airflow's event log", airflow.username)
        return []
    try:
        return list(answer["event_logs"])
    except (KeyError, TypeError) as error:
        raise airflow.unavailable(f"it returned an event log without {error}") from error


def _states(entry: Entry, run_id: str) -> set[object]:
    """Return the states that a request set for a run or for tasks of it."""
    bodies = [body for body in _bodies(entry) if body.get("dag_run_id", run_id) == run_id]
    return {body[key] for body in bodies for key in STATE_KEYS if key in body}


def _bodies(entry: Entry) -> Iterator[Entry]:
    """Yield every JSON object, at any depth, in the logged body of a request."""
    try:
        found = [json.loads(entry["extra"] or "{}")]
    except ValueError:
        return
    while found:
        value = found.pop()
        if isinstance(value, dict):
            yield value
            found.extend(value.values())
        elif isinstance(value, list):
            found.extend(value)
