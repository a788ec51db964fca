"""Builds the tasks of the DAGs that process jobs: one for each registered stage (`ingest.states.stages`).

Imported by `ingest_dag` and `move_dag`, which contain only the text of their page in Airflow's UI and the wiring.
"""

import re
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Asset, get_current_context, task
from dag_defaults import SETTINGS, dag_defaults
from structlog.contextvars import bound_contextvars

from ingest.context import Summary
from ingest.errors.types import UnknownJob
from ingest.orchestrator.runs import PARENT_TRACE
from ingest.settings.logs import JSON
from ingest.stages.registry import documentation
from ingest.stages.run_stage import run_stage
from ingest.states.stages import STAGES, Kind, Stage

# Each job that is cataloged is an event of this asset, so that DAGs of a facility can start on it.
CATALOGED = Asset("pacifica-ingest/cataloged")
# Where a W3C `traceparent` has the id of the trace.
TRACE_ID = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-")
# Ends the page of each of these DAGs in Airflow's UI.
RUNBOOK = """\
- **A task that is up for retry** waits for a service that is unavailable, and continues without help.
- **A task that failed** either waits for a service, too, or needs a person: `exception` of `GET /get_state?job_id=N` says
  which. A job that waits has a text with `next at` or `answers again`, and housekeeping clears its task; clear it to
  continue immediately. Otherwise fix the cause. Then clear the task with its downstream tasks, or run
  `pacifica-ingest-cmd retry --job_id N`.
- **Never mark a task as success**: the job would not be cataloged, and is shown as FAILED.
- **To end a job for good**, run `pacifica-ingest-cmd cancel --job-id N`: its files are removed from the archive.
- **To end a job until it is retried**, mark its run as failed. Within a minute the job is FAILED with the code
  `run_marked_failed`, until the run is cleared or the job is retried. `pacifica-ingest-cmd job --job-id N --state FAILED`
  ends it immediately, with a text of your own.
- **Deleting a run or a task instance does not end a job**: housekeeping starts the job again in a new run.
"""


def job_dag(kind: Kind) -> dict[str, Any]:
    """Return the arguments of `@dag` for the DAG that processes jobs of a kind."""
    return {"dag_id": kind.value, **dag_defaults(kind.value, max_active_runs=SETTINGS.max_active_runs)}


def stage_tasks(kind: Kind) -> list[Any]:
    """Return the tasks of a kind of job, in the order of its stages; call it inside the function that defines the DAG."""
    return [_stage_task(stage) for stage in STAGES[kind]]


def _stage_task(stage: Stage) -> Any:  # noqa: ANN401 - Airflow's XComArg, which mypy does not see
    """Return the task of a stage; its page in Airflow's UI is the docstring of the stage's module."""
    outlets = [CATALOGED] if stage is Stage.INGEST_METADATA else []

    @task(task_id=stage.value, doc_md=documentation(stage), pool=stage.pool.value, outlets=outlets)
    def run() -> Summary | None:
        return _run(stage)

    created = run()
    # Airflow would send and store what it rendered, which is nothing: a tenth of the processor time of a task.
    created.operator.template_fields = ()
    return created


def _run(stage: Stage) -> Summary | None:
    """Run a stage of the job that the current DAG run belongs to."""
    context = get_current_context()
    task_instance = context["ti"]
    conf = context["dag_run"].conf or {}
    job_id = conf.get("job_id")
    if not isinstance(job_id, int):
        raise UnknownJob("this run names no job: runs are triggered by the API, not by hand")
    last_try = task_instance.try_number > task_instance.max_tries
    with bound_contextvars(**_log_fields(stage, task_instance.try_number, conf)):
        summary = run_stage(stage, job_id, task_instance.try_number, last_try=last_try)
    if stage is Stage.INGEST_METADATA:
        context["outlet_events"][CATALOGED].extra = _cataloged_event(task_instance, job_id)
    return summary


def _log_fields(stage: Stage, attempt: int, conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that Airflow adds to each line of the task's log, which is JSON."""
    if SETTINGS.log_format != JSON:
        return {}
    trace = TRACE_ID.search(str(conf.get(PARENT_TRACE, "")))
    fields = {"job": conf["job_id"], "stage": stage.value, "attempt": attempt}
    return {**fields, "trace_id": trace[1]} if trace else fields


def _cataloged_event(task_instance: Any, job_id: int) -> dict[str, Any]:  # noqa: ANN401 - a type of Airflow
    """Return what an event of the asset says about its job."""
    declared = task_instance.xcom_pull(task_ids=Stage.LOAD_METADATA.value) or {}
    return {
        "job": job_id,
        "transaction": job_id,
        "project": declared.get("project", ""),
        "instrument": declared.get("instrument", ""),
    }
