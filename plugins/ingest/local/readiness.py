"""Wait until the first job can run at full speed. Called at launch, after the processes were started.

In order: the api-server answers, the pool exists, the API is ready, scheduler and dag-processor have written a heartbeat
since this start, Airflow has parsed the DAGs, and one task has run, because the first one takes seconds longer.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import requests

from ingest.errors.types import ServiceUnavailable
from ingest.local import program
from ingest.local.airflow_client import TIMEOUT_SECONDS, AirflowClient
from ingest.local.ports import Ports
from ingest.local.reporting import LaunchFailure, say
from ingest.local.supervision import Supervisor
from ingest.local.waiting import wait_until
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.dag_ids import HOUSEKEEPING
from ingest.orchestrator.obstacles import NEEDED_DAGS, find_obstacles
from ingest.orchestrator.pools import archive_pool
from ingest.settings.loading import Settings, load_dag_settings
from ingest.states.airflow import ENDED_RUN_STATES, RunState
from ingest.states.stages import Pool

# On two busy cores the api-server has needed a minute. A program that has ended is noticed immediately.
START_TIMEOUT_SECONDS = 600
# How long a DAG may be missing before its import errors are reported: a recorded error may be from an earlier start.
DAGS_SECONDS = 240
WARM_UP_DAG = HOUSEKEEPING
DAGS = NEEDED_DAGS


def wait_for_airflow(supervisor: Supervisor, airflow: AirflowClient) -> None:
    """Wait until the admin can log in to Airflow's api-server; raises LaunchFailure."""

    def answers() -> bool:
        airflow.log_in()
        return True

    _wait(supervisor, answers, program.API_SERVER, "does not answer")


def wait_for_api(supervisor: Supervisor, ports: Ports) -> None:
    """Wait until the API accepts uploads; raises LaunchFailure."""
    session = requests.Session()
    session.trust_env = False

    def answers() -> bool:
        return session.get(f"{ports.ingest_url}/readyz", timeout=TIMEOUT_SECONDS).ok

    _wait(supervisor, answers, program.API, "is not ready")


def set_pool(supervisor: Supervisor, airflow: AirflowClient, environment: Mapping[str, str]) -> None:
    """Set the slots of the pool `archive` to `INGEST_ARCHIVE_SLOTS`; raises LaunchFailure."""
    pool = archive_pool(load_dag_settings(environment).archive_slots)
    _wait(supervisor, lambda: _has_pool(airflow, pool), program.API_SERVER, "does not answer")


def _has_pool(airflow: AirflowClient, pool: dict[str, Any]) -> bool:
    """Change or create the pool; return False if the call must be repeated. Raises LaunchFailure."""
    answer = airflow.call("PATCH", f"pools/{Pool.ARCHIVE}", params={"update_mask": ["slots"]}, json=pool)
    if answer.status_code == requests.codes.not_found:
        answer = airflow.call("POST", "pools", json=pool)
    if answer.status_code == requests.codes.conflict:
        # An earlier call created the pool, but its answer came too late.
        return False
    if not answer.ok:
        raise LaunchFailure(f"Airflow refuses the pool '{Pool.ARCHIVE}': {answer.text[:300]}")
    return True


def wait_for_heartbeats(supervisor: Supervisor, airflow: AirflowClient, since: datetime) -> None:
    """Wait for heartbeats of scheduler and dag-processor; those before `since` are from an earlier start."""
    for key, name in (("scheduler", program.SCHEDULER), ("dag_processor", program.DAG_PROCESSOR)):

        def beats(key: str = key) -> bool:
            return _beats(airflow.get("monitor/health")[key], f"latest_{key}_heartbeat", since)

        _wait(supervisor, beats, name, "has written no heartbeat")


def wait_for_dags(supervisor: Supervisor, airflow: AirflowClient) -> None:
    """Wait until Airflow has parsed the DAGs; raises LaunchFailure with the import errors."""

    def known() -> bool:
        return all(_usable(airflow.get(f"dags/{dag}")) for dag in DAGS)

    wait_until(lambda: _is_met(supervisor, known), DAGS_SECONDS, lambda: _unknown_dags(supervisor, airflow))


def warm_up(supervisor: Supervisor, airflow: AirflowClient) -> None:
    """Run one task; raises LaunchFailure when none can run."""
    if airflow.get(f"dags/{WARM_UP_DAG}")["is_paused"]:
        say(f"  The DAG '{WARM_UP_DAG}' is paused in Airflow; the warm-up is skipped.")
        return
    run = f"warm-up-{time.time_ns()}"
    path = f"dags/{WARM_UP_DAG}/dagRuns/{run}"
    state = ""

    def triggered() -> bool:
        answer = airflow.call("POST", f"dags/{WARM_UP_DAG}/dagRuns", json={"dag_run_id": run, "logical_date": None})
        # The run exists already if an earlier answer was lost.
        if not answer.ok and answer.status_code != requests.codes.conflict:
            raise LaunchFailure(f"Airflow cannot run the DAG '{WARM_UP_DAG}': {answer.text[:300]}")
        return True

    def ended() -> bool:
        nonlocal state
        state = airflow.get(path)["state"]
        return state in ENDED_RUN_STATES

    _wait(supervisor, triggered, program.API_SERVER, "does not answer")
    _wait(supervisor, ended, program.SCHEDULER, "runs no task")
    if state != RunState.SUCCESS:
        # A job that housekeeping cannot repair must not keep the stack from running all others.
        say(f"  The first housekeeping failed: see {supervisor.layout.airflow}/logs/dag_id={WARM_UP_DAG}/run_id={run}/")


def say_obstacles(settings: Settings) -> None:
    """Print what prevents Airflow from running jobs, such as a paused DAG."""
    try:
        found = find_obstacles(AirflowApi(settings), TIMEOUT_SECONDS).sentences
    except ServiceUnavailable as error:
        found = [error.text]
    for sentence in found:
        say(f"  Attention: {sentence}")


def _wait(supervisor: Supervisor, condition: Callable[[], bool], name: str, what: str) -> None:
    failure = f"{what} after {START_TIMEOUT_SECONDS} s"
    wait_until(
        lambda: _is_met(supervisor, condition), START_TIMEOUT_SECONDS, lambda: supervisor.program_failure(name, failure)
    )


def _is_met(supervisor: Supervisor, condition: Callable[[], bool]) -> bool:
    """Return whether a condition is met; it is not while Airflow or the API does not answer."""
    supervisor.check_running(*supervisor.services)
    try:
        return condition()
    except requests.RequestException:
        return False


def _beats(component: Mapping[str, Any], key: str, since: datetime) -> bool:
    latest = component.get(key)
    if component.get("status") != "healthy" or not latest:
        return False
    heartbeat = datetime.fromisoformat(latest)
    return heartbeat.replace(tzinfo=heartbeat.tzinfo or UTC) >= since


def _usable(dag: Mapping[str, Any] | None) -> bool:
    return dag is not None and not dag.get("is_stale") and not dag.get("has_import_errors")


def _unknown_dags(supervisor: Supervisor, airflow: AirflowClient) -> LaunchFailure:
    missing = [dag for dag in DAGS if not _usable(airflow.get(f"dags/{dag}"))]
    errors = airflow.get("importErrors")["import_errors"]
    reasons = [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]
    text = f"Airflow does not know these DAGs: {', '.join(missing)}. {'; '.join(reasons)}"
    return LaunchFailure(text.strip(), supervisor.layout.log(program.DAG_PROCESSOR))
