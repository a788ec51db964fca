"""The client of Airflow's REST API: trigger a job's run, read the states of runs and tasks, clear stages, fail it.

Called by the API (trigger, read), by housekeeping and by the command line (all four). Airflow's own tables are never
touched. Whatever keeps Airflow from doing what was asked is a `ServiceUnavailable`: nothing that Airflow answers
says anything about the job itself.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from ingest.airflow_session import AirflowSession
from ingest.errors import ServiceUnavailable
from ingest.settings import Settings
from ingest.states import RUNNING as RUNNING_TASK
from ingest.states import SCHEDULED, STAGES, WAITING, Run, TaskInstance

ALL_TASKS = "/api/v2/dags/~/dagRuns/~/taskInstances/list"
# Of one answer: more would keep its api-server, which has one process, from all others for longer.
TASKS_LIMIT = 100
RUNS_AT_ONCE = TASKS_LIMIT // max(map(len, STAGES.values()))
RUNNING = "running"
# A run has not ended as long as one of its tasks is in one of these states.
UNFINISHED_TASK = RUNNING_TASK | WAITING | SCHEDULED
# Without these nothing runs. The dag-processor is not among them: runs go on without it.
NEEDED_TO_RUN = ("metadatabase", "scheduler")


class AirflowApi:
    """Airflow's REST API with a token of its own; one object serves all threads of a process.

    It connects when it is first asked something, so that it can be made before a fork.
    """

    def __init__(self, settings: Settings) -> None:
        self._session = AirflowSession(settings)

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Make a run; one that is there already is no error. Raises ServiceUnavailable: try again later."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self._session.ask("POST", f"{_dag(dag_id)}/dagRuns", body, accepted=(HTTPStatus.OK, HTTPStatus.CONFLICT))

    def run(self, dag_id: str, run_id: str, seconds: float | None = None) -> Run:
        """Read a run; otherwise as `runs`."""
        return self.runs({run_id: dag_id}, seconds)[run_id]

    def runs(self, dags: Mapping[str, str], seconds: float | None = None) -> dict[str, Run]:
        """Read the tasks of up to RUNS_AT_ONCE runs and the states of the runs, None where there is no run.

        `dags` names the DAG of each run by the id of the run. Each answer is waited for `seconds`, or as the settings say.
        Raises ServiceUnavailable.
        """
        body = {"dag_ids": sorted(set(dags.values())), "dag_run_ids": list(dags), "page_limit": TASKS_LIMIT}
        listed = self._session.json(self._session.ask("POST", ALL_TASKS, body, seconds=seconds))
        tasks: dict[str, tuple[TaskInstance, ...]] = dict.fromkeys(dags, ())
        try:
            for each in listed["task_instances"]:
                tasks[each["dag_run_id"]] += (_task(each),)
            return {
                run_id: Run(RUNNING if _goes_on(found) else self._run_state(dags[run_id], run_id, seconds), found)
                for run_id, found in tasks.items()
            }
        except (KeyError, TypeError) as error:
            raise self.unavailable(f"an answer without {error}") from error

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str]) -> None:
        """Let the named tasks of a run start anew, whatever their state; raises ServiceUnavailable."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "only_failed": False,
            "include_downstream": False,
            "reset_dag_runs": True,
        }
        self._session.ask("POST", f"{_dag(dag_id)}/clearTaskInstances", body)

    def fail(self, dag_id: str, run_id: str) -> None:
        """End a run as failed; a run that is not there needs no end. Raises ServiceUnavailable."""
        accepted = (HTTPStatus.OK, HTTPStatus.NOT_FOUND)
        self._session.ask("PATCH", _run(dag_id, run_id), {"state": "failed"}, accepted=accepted)

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

    def _run_state(self, dag_id: str, run_id: str, seconds: float | None) -> str | None:
        run = self.read(_run(dag_id, run_id), seconds)
        return None if run is None else str(run["state"])


def _dag(dag_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id, safe='')}"


def _run(dag_id: str, run_id: str) -> str:
    return f"{_dag(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _goes_on(tasks: Sequence[TaskInstance]) -> bool:
    """Whether a run cannot have ended: no public request gives its state together with its tasks."""
    untried = all(task.state is None and task.try_number == 0 for task in tasks)
    return bool(tasks) and (untried or any(task.state in UNFINISHED_TASK for task in tasks))


def _task(instance: dict[str, Any]) -> TaskInstance:
    return TaskInstance(instance["task_id"], instance["state"], instance["try_number"])
