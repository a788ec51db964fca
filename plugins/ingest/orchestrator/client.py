"""The client of Airflow's REST API: read the states of runs and tasks; trigger, clear, fail and delete a run.

Called by the API (read), and by `ingest.orchestrator.runs` for all that changes a run. Airflow's own tables are never
touched. Whatever keeps Airflow from doing what was asked is a `ServiceUnavailable`: nothing that Airflow answers
says anything about the job itself. A collision with another request is a `RunChanged`.
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
from ingest.states.airflow import IN_PROGRESS_STATES, Run, TaskInstance
from ingest.states.stages import STAGES, Kind

ALL_TASKS = "/api/v2/dags/~/dagRuns/~/taskInstances/list"
# Of one answer: more would keep its api-server, which has one process, from all others for longer.
TASKS_LIMIT = 100
RUNS_AT_ONCE = TASKS_LIMIT // max(map(len, STAGES.values()))
RUNNING = "running"
# Of a configuration that somebody wrote by hand.
SHOWN_CHARACTERS = 200
# Without these nothing runs. The dag-processor is not among them: runs go on without it.
NEEDED_TO_RUN = ("metadatabase", "scheduler")


class AirflowApi:
    """Airflow's REST API with a token of its own; one object serves all threads of a process.

    It connects when it is first asked something, so that it can be made before a fork.
    """

    def __init__(self, settings: Settings) -> None:
        self._session = AirflowSession(settings)

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any], place: datetime) -> bool:
        """Make a run; return False when there is one with this id already, which may be anybody's.

        `place` is the time by which its tasks are ordered among those of other runs: its logical date, which no other run of
        the DAG may have. Raises ServiceUnavailable: try again later.
        """
        body = {"dag_run_id": run_id, "logical_date": place.isoformat(), "conf": conf}
        accepted = (HTTPStatus.OK, HTTPStatus.CONFLICT)
        response = self._session.ask("POST", f"{_dag(dag_id)}/dagRuns", body, accepted=accepted)
        return response.status_code == HTTPStatus.OK

    def foreign_run(self, dag_id: str, run_id: str) -> str:
        """Describe the run with this id when its configuration does not name the job; "" when it does.

        Raises RunChanged when there is no such run, ServiceUnavailable.
        """
        run = self.read(_run(dag_id, run_id))
        if run is None:
            raise self._session.changed(f"the run {run_id} was deleted at this moment")
        try:
            if _names_job(run, run_id):
                return ""
            conf = json.dumps(run["conf"])[:SHOWN_CHARACTERS]
            return f"triggered by {run.get('triggering_user_name')} with the configuration {conf}"
        except (KeyError, TypeError) as error:
            raise self.unavailable(f"a run without {error}") from error

    def run(self, dag_id: str, run_id: str, seconds: float | None = None) -> Run:
        """Read a run; otherwise as `runs`."""
        return self.runs({run_id: dag_id}, seconds)[run_id]

    def runs(self, dags: Mapping[str, str], seconds: float | None = None) -> dict[str, Run]:
        """Read the tasks of up to RUNS_AT_ONCE runs and the states of the runs, None where there is no run of the job.

        `dags` names the DAG of each run by the id of the run. Each answer is waited for `seconds`, or as the settings say.
        A run whose configuration names another job is no run of the job. Raises ServiceUnavailable.
        """
        body = {"dag_ids": sorted(set(dags.values())), "dag_run_ids": list(dags), "page_limit": TASKS_LIMIT}
        listed = self._session.json(self._session.ask("POST", ALL_TASKS, body, seconds=seconds))
        tasks: dict[str, tuple[TaskInstance, ...]] = dict.fromkeys(dags, ())
        try:
            for each in listed["task_instances"]:
                # A run of another DAG may have the same id.
                if each["dag_id"] == dags[each["dag_run_id"]]:
                    tasks[each["dag_run_id"]] += (_task(each),)
            runs = {run_id: self._run_of(dags[run_id], run_id, found, seconds) for run_id, found in tasks.items()}
        except (KeyError, TypeError) as error:
            raise self.unavailable(f"an answer without {error}") from error
        if len(dags) > 1 and len(listed["task_instances"]) >= TASKS_LIMIT:
            # The list may be cut, because Airflow also lists tasks that a DAG had in an earlier version.
            runs |= {name: self.run(dags[name], name, seconds) for name, run in runs.items() if run.missing}
        return runs

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str]) -> frozenset[str]:
        """Clear the named tasks of a run, whatever their state; return the ids of those that Airflow has cleared.

        Raises RunChanged when the run is not there or somebody else clears it, ServiceUnavailable.
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
        response = self._session.ask("POST", f"{_dag(dag_id)}/clearTaskInstances", body, accepted=accepted)
        if response.status_code == HTTPStatus.NOT_FOUND:
            raise self._session.changed(f"the run {run_id} cannot be cleared: {response.text}")
        try:
            return frozenset(str(each["task_id"]) for each in self._session.json(response)["task_instances"])
        except (KeyError, TypeError) as error:
            raise self.unavailable(f"an answer to a clear without {error}") from error

    def delete(self, dag_id: str, run_id: str) -> None:
        """Delete a run that is not running; one that is not there needs no deletion.

        Raises RunChanged when it runs, ServiceUnavailable.
        """
        self._session.ask("DELETE", _run(dag_id, run_id), accepted=(HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND))

    def fail(self, dag_id: str, run_id: str) -> None:
        """End a run as failed; a run that is not there needs no end. Raises ServiceUnavailable."""
        accepted = (HTTPStatus.OK, HTTPStatus.NOT_FOUND)
        self._session.ask("PATCH", _run(dag_id, run_id), {"state": "failed"}, accepted=accepted)

    @property
    def username(self) -> str:
        """The account of this service in Airflow."""
        return self._session.username

    def check_health(self, seconds: float) -> None:
        """Ask whether Airflow answers and can run something, for at most that long; raises ServiceUnavailable."""
        health = self._session.ask_without_token("/api/v2/monitor/health", seconds)
        try:
            ill = [part for part in NEEDED_TO_RUN if health[part]["status"] != "healthy"]
        except (KeyError, TypeError) as error:
            raise self.unavailable(f"a health without {error}") from error
        if ill:
            raise self.unavailable(f"not healthy: {', '.join(ill)}")

    def read(self, path: str, seconds: float | None = None, nothing: int = HTTPStatus.NOT_FOUND) -> Any | None:  # noqa: ANN401
        """Return the JSON at a path, None for the status that means that there is `nothing`; raises ServiceUnavailable."""
        response = self._session.ask("GET", path, accepted=(HTTPStatus.OK, nothing), seconds=seconds)
        return None if response.status_code == nothing else self._session.json(response)

    def create_pool(self, pool: dict[str, Any]) -> None:
        """Create a pool; one that is there already stays as it is. Raises ServiceUnavailable."""
        self._session.ask("POST", "/api/v2/pools", pool, accepted=(HTTPStatus.CREATED, HTTPStatus.CONFLICT))

    def unavailable(self, reason: str) -> ServiceUnavailable:
        """Make the error that says why Airflow is of no use now."""
        return self._session.unavailable(reason)

    def _run_of(self, dag_id: str, run_id: str, tasks: tuple[TaskInstance, ...], seconds: float | None) -> Run:
        listed = {task.task_id for task in tasks}
        missing = tuple(stage for stage in STAGES[Kind(dag_id)] if stage not in listed)
        if not missing and _goes_on(tasks):
            return Run(RUNNING, tasks)
        run = self.read(_run(dag_id, run_id), seconds)
        if run is None or not _names_job(run, run_id):
            return Run(None)
        return Run(str(run["state"]), tasks, missing)


def _dag(dag_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id, safe='')}"


def _run(dag_id: str, run_id: str) -> str:
    return f"{_dag(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _names_job(run: Mapping[str, Any], run_id: str) -> bool:
    """Whether a run's configuration names the job that the run's id names: anybody can trigger a run with any id."""
    job_id = (run["conf"] or {}).get("job_id")
    return isinstance(job_id, int) and job_snapshots.run_id(job_id) == run_id


def _goes_on(tasks: Sequence[TaskInstance]) -> bool:
    """Whether a run cannot have ended: no public request gives its state together with its tasks."""
    untried = all(task.state is None and task.try_number == 0 for task in tasks)
    return bool(tasks) and (untried or any(task.state in IN_PROGRESS_STATES for task in tasks))


def _task(instance: dict[str, Any]) -> TaskInstance:
    return TaskInstance(instance["task_id"], instance["state"], instance["try_number"])
