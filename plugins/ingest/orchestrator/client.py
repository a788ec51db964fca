"""The client of Airflow's REST API: read the states of runs and tasks; trigger, clear, fail and delete a run.

Called by the API, which only reads, and by the other modules of `ingest.orchestrator`, of which `runs` changes runs and
`obstacles` creates a pool. Airflow's own tables are never touched. Every failure of a request is a `ServiceUnavailable`,
because no response of Airflow is a fault of the job. A collision with another request is a `RunChanged`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from ingest.errors.types import ServiceUnavailable
from ingest.ledger import job_snapshots
from ingest.orchestrator.session import AirflowSession
from ingest.settings.loading import Settings
from ingest.states.airflow import IN_PROGRESS_STATES, Run, RunState, TaskInstance
from ingest.states.stages import STAGES, Kind

ALL_TASKS = "/api/v2/dags/~/dagRuns/~/taskInstances/list"
# The most tasks in one response: Airflow's api-server has one process, which a longer list would block for longer.
TASKS_LIMIT = 100
RUNS_PER_REQUEST = TASKS_LIMIT // max(map(len, STAGES.values()))
# How much of the configuration of another run is quoted.
MAX_QUOTED_CHARACTERS = 200
# The components of Airflow that jobs need. The dag-processor is not among them: runs continue without it.
NEEDED_COMPONENTS = ("metadatabase", "scheduler")


class AirflowApi:
    """Airflow's REST API with a token of its own; one object serves all threads of a process.

    It connects with the first request, so that it can be created before a fork.
    """

    def __init__(self, settings: Settings) -> None:
        self._session = AirflowSession(settings)

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any], place: datetime) -> bool:
        """Create a run; return False when a run with this id exists already, which may be that of another job.

        `place` is the logical date of the run: Airflow orders waiting tasks by it, and no two runs of a DAG may share one.
        Raises ServiceUnavailable.
        """
        body = {"dag_run_id": run_id, "logical_date": place.isoformat(), "conf": conf}
        accepted = (HTTPStatus.OK, HTTPStatus.CONFLICT)
        response = self._session.request("POST", f"{_dag(dag_id)}/dagRuns", body, accepted=accepted)
        return response.status_code == HTTPStatus.OK

    def foreign_run(self, dag_id: str, run_id: str) -> str:
        """Describe the run with this id if its configuration does not name the job; return "" if it does.

        Raises RunChanged when there is no such run, ServiceUnavailable.
        """
        run = self.read(_run(dag_id, run_id))
        if run is None:
            raise self._session.run_changed(f"the run {run_id} was deleted at the same time")
        try:
            if _names_job(run, run_id):
                return ""
            conf = json.dumps(run["conf"])[:MAX_QUOTED_CHARACTERS]
            return f"triggered by {run.get('triggering_user_name')} with the configuration {conf}"
        except (KeyError, TypeError) as error:
            raise self.unavailable(f"it returned a run without {error}") from error

    def run(self, dag_id: str, run_id: str, seconds: float | None = None) -> Run:
        """Return one run; see `runs`."""
        return self.runs({run_id: dag_id}, seconds)[run_id]

    def runs(self, dags: Mapping[str, str], seconds: float | None = None) -> dict[str, Run]:
        """Return up to RUNS_PER_REQUEST runs with their tasks.

        - `dags` maps the id of each run to its DAG.
        - `seconds` is the timeout of each request; by default the one in the settings.
        - The state of a run is None when Airflow has no run of the job. A run whose configuration names another job is not
          a run of the job.

        Raises ServiceUnavailable.
        """
        body = {"dag_ids": sorted(set(dags.values())), "dag_run_ids": list(dags), "page_limit": TASKS_LIMIT}
        listed = self._session.json(self._session.request("POST", ALL_TASKS, body, seconds=seconds))
        tasks: dict[str, tuple[TaskInstance, ...]] = dict.fromkeys(dags, ())
        try:
            for each in listed["task_instances"]:
                # A run of the other DAG may have the same id.
                if each["dag_id"] == dags[each["dag_run_id"]]:
                    tasks[each["dag_run_id"]] += (_task(each),)
            runs = {run_id: self._run_of(dags[run_id], run_id, found, seconds) for run_id, found in tasks.items()}
        except (KeyError, TypeError) as error:
            raise self.unavailable(f"it returned a document without {error}") from error
        if len(dags) > 1 and len(listed["task_instances"]) >= TASKS_LIMIT:
            # The list may be incomplete, because Airflow also lists tasks that a DAG had in an earlier version.
            runs |= {name: self.run(dags[name], name, seconds) for name, run in runs.items() if run.missing}
        return runs

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str]) -> frozenset[str]:
        """Clear the named tasks of a run in any state; return the ids of the tasks that Airflow cleared.

        Raises RunChanged when the run does not exist or is being cleared by another request, ServiceUnavailable.
        """
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "only_failed": False,
            "include_downstream": False,
            "reset_dag_runs": True,
        }
        accepted = (HTTPStatus.OK, HTTPStatus.NOT_FOUND)
        response = self._session.request("POST", f"{_dag(dag_id)}/clearTaskInstances", body, accepted=accepted)
        if response.status_code == HTTPStatus.NOT_FOUND:
            raise self._session.run_changed(f"the run {run_id} cannot be cleared: {response.text}")
        try:
            return frozenset(str(each["task_id"]) for each in self._session.json(response)["task_instances"])
        except (KeyError, TypeError) as error:
            raise self.unavailable(f"it returned cleared tasks without {error}") from error

    def delete(self, dag_id: str, run_id: str) -> None:
        """Delete a run that is not running, if it exists. Raises RunChanged when it runs, ServiceUnavailable."""
        self._session.request("DELETE", _run(dag_id, run_id), accepted=(HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND))

    def fail(self, dag_id: str, run_id: str) -> None:
        """Mark a run as failed, if it exists. Raises ServiceUnavailable."""
        accepted = (HTTPStatus.OK, HTTPStatus.NOT_FOUND)
        self._session.request("PATCH", _run(dag_id, run_id), {"state": RunState.FAILED}, accepted=accepted)

    def note(self, dag_id: str, run_id: str) -> str | None:
        """Return the note of a run; None if there is none, or no run. Raises ServiceUnavailable."""
        run = self.read(_run(dag_id, run_id))
        return None if run is None else run.get("note")

    def set_note(self, dag_id: str, run_id: str, note: str | None) -> None:
        """Set the note of a run, or remove it, if the run exists. Raises ServiceUnavailable."""
        accepted = (HTTPStatus.OK, HTTPStatus.NOT_FOUND)
        self._session.request("PATCH", _run(dag_id, run_id), {"note": note}, accepted=accepted)

    @property
    def username(self) -> str:
        """The account that this service uses in Airflow."""
        return self._session.username

    def check_health(self, seconds: float) -> None:
        """Raise ServiceUnavailable unless Airflow responds within `seconds` and is able to run tasks."""
        health = self._session.get_without_token("/api/v2/monitor/health", seconds)
        try:
            unhealthy = [name for name in NEEDED_COMPONENTS if health[name]["status"] != "healthy"]
        except (KeyError, TypeError) as error:
            raise self.unavailable(f"it returned a health document without {error}") from error
        if unhealthy:
            raise self.unavailable(f"not healthy: {', '.join(unhealthy)}")

    def read(self, path: str, seconds: float | None = None, missing: int = HTTPStatus.NOT_FOUND) -> Any | None:  # noqa: ANN401
        """Return the JSON at a path, or None for the status that means `missing`. Raises ServiceUnavailable."""
        response = self._session.request("GET", path, accepted=(HTTPStatus.OK, missing), seconds=seconds)
        return None if response.status_code == missing else self._session.json(response)

    def create_pool(self, pool: dict[str, Any]) -> None:
        """Create a pool unless it exists already. Raises ServiceUnavailable."""
        self._session.request("POST", "/api/v2/pools", pool, accepted=(HTTPStatus.CREATED, HTTPStatus.CONFLICT))

    def unavailable(self, reason: str) -> ServiceUnavailable:
        """Return a ServiceUnavailable for Airflow with a reason."""
        return self._session.unavailable(reason)

    def _run_of(self, dag_id: str, run_id: str, tasks: tuple[TaskInstance, ...], seconds: float | None) -> Run:
        listed = {task.task_id for task in tasks}
        missing = tuple(stage for stage in STAGES[Kind(dag_id)] if stage not in listed)
        if not missing and _is_in_progress(tasks):
            return Run(RunState.RUNNING, tasks)
        run = self.read(_run(dag_id, run_id), seconds)
        if run is None or not _names_job(run, run_id):
            return Run(None)
        return Run(str(run["state"]), tasks, missing)


def _dag(dag_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id, safe='')}"


def _run(dag_id: str, run_id: str) -> str:
    return f"{_dag(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _names_job(run: Mapping[str, Any], run_id: str) -> bool:
    """Return whether a run's configuration names the job of its id: operators can trigger a run with any id."""
    job_id = (run["conf"] or {}).get("job_id")
    return isinstance(job_id, int) and job_snapshots.run_id(job_id) == run_id


def _is_in_progress(tasks: Sequence[TaskInstance]) -> bool:
    """Return whether the tasks show that their run has not ended, so that its state need not be requested as well."""
    untried = all(task.state is None and task.try_number == 0 for task in tasks)
    return bool(tasks) and (untried or any(task.state in IN_PROGRESS_STATES for task in tasks))


def _task(instance: dict[str, Any]) -> TaskInstance:
    return TaskInstance(instance["task_id"], instance["state"], instance["try_number"])
