"""Changes a job's run in Airflow: triggers it, restarts it, replaces it, and ends it on behalf of an admin.

Called by the API, housekeeping and the command line. No other module changes a run in Airflow. Each change is counted in
the job's row (`mark_triggered`, `record_deleted_run`, `count_clear` and `count_run_change` of `ingest.ledger.job_runs`), so
that every process of the API discards its earlier reads of the run.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine

from ingest.errors.types import RunChanged, RunNotStarted
from ingest.ledger import job_runs, jobs, user_jobs
from ingest.ledger.job_snapshots import JobSnapshot, Received, run_id
from ingest.orchestrator.client import AirflowApi
from ingest.states.airflow import Run, TaskState
from ingest.states.job_record import JobState, JobStatus
from ingest.states.job_state import first_unfinished
from ingest.states.stages import STAGES
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import to_one_line
from ingest.system.tracing import link

# How often an action that collided with another request is tried, and the pauses in between.
ATTEMPTS = 8
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 1.5
# The key of a run's configuration by which Airflow, in versions after 3.3, makes the run a part of a trace.
PARENT_TRACE = "airflow/dagrun_parent_trace_context"
Result = TypeVar("Result")


def trigger(engine: Engine, airflow: AirflowApi, received: Received) -> bool:
    """Trigger a job's run; return False when the job has one already.

    A run of another job with the id of this job's run is deleted. If the process dies before `mark_triggered`, housekeeping
    finds the run by its id. Raises RunChanged, ServiceUnavailable, DatabaseUnavailable.
    """
    is_new = _create_run(engine, airflow, received)
    if not is_new and (found := airflow.foreign_run(received.kind, run_id(received.job_id))):
        _delete_run(engine, airflow, received, f"it was not a run of this job: {found}")
        is_new = _create_run(engine, airflow, received)
    failpoint("run.triggered", received.job_id)
    job_runs.mark_triggered(engine, received.job_id, made=is_new)
    return is_new


def restart(engine: Engine, airflow: AirflowApi, job: JobSnapshot, run: Run) -> None:
    """Restart the unfinished part of a run: clear it, or replace the run if Airflow lacks some of its tasks.

    Raises RunChanged, ServiceUnavailable.
    """
    if run.missing or not _clear_unfinished(airflow, job, run):
        missing = ", ".join(run.missing) or "tasks"
        _delete_run(engine, airflow, job.received, f"the run lacked {missing}")
        trigger(engine, airflow, job.received)


def retry(engine: Engine, airflow: AirflowApi, job_id: int) -> None:
    """Retry a job: lift an override, then trigger the run, or clear or replace the run that the job has.

    Raises UnknownJob, JobFinished, RunNotStarted, ServiceUnavailable. May be repeated, and be called simultaneously.
    """
    job = jobs.lift_override(engine, job_id)
    link(job.received.traceparent)
    failpoint("retry.lifted", job_id)
    repeat_on_collision(lambda: _trigger_or_restart(engine, airflow, job))
    failpoint("retry.cleared", job_id)
    job_runs.count_run_change(engine, job_id)
    failpoint("retry.counted", job_id)
    _check_started(engine, airflow, job)


def set_state(engine: Engine, airflow: AirflowApi, job_id: int, state: JobState, *, notify: bool = True) -> None:
    """Set a job's state on behalf of an admin; FAILED also fails the run. Raises UnknownJob, JobFinished.

    The override is committed first. If the process dies before the run is failed, no stage of the job can start. See
    `ingest.ledger.jobs.override` for `notify`.
    """
    job = jobs.override(engine, job_id, state, notify=notify)
    failpoint("set_state.overridden", job_id)
    if state.state is JobStatus.FAILED:
        repeat_on_collision(lambda: airflow.fail(job.received.kind, job.run_id))
        failpoint("set_state.failed", job_id)
        job_runs.count_run_change(engine, job_id)
        failpoint("set_state.counted", job_id)


def repeat_on_collision(action: Callable[[], Result]) -> Result:
    """Return the result of an action on a run; repeat the action while it collides with another request.

    The action must read the run each time. Raises RunChanged when the last of ATTEMPTS collides.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return action()
        except RunChanged:
            time.sleep(random.uniform(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))  # noqa: S311 - no secret
    return action()


def _create_run(engine: Engine, airflow: AirflowApi, received: Received) -> bool:
    conf = {
        "job_id": received.job_id,
        "user": to_one_line(received.user),
        "kind": received.kind.value,
        "bytes": received.size,
    } | ({PARENT_TRACE: received.traceparent} if received.traceparent else {})
    place = user_jobs.place_in_line(engine, received.job_id)
    return airflow.trigger(received.kind, run_id(received.job_id), conf, place)


def _clear_unfinished(airflow: AirflowApi, job: JobSnapshot, run: Run) -> bool:
    """Clear the first unfinished stage and all that follow; return whether Airflow has cleared all of them.

    A stage that the ledger holds as finished is cleared too if it is not a success in Airflow: its process may have
    finished after Airflow gave the task up, and no task runs after a failed one.
    """
    stages = STAGES[job.record.kind]
    unfinished = first_unfinished(job.record)
    first = next(stage for stage in stages if stage is unfinished or run.task(stage).state != TaskState.SUCCESS)
    named = [stage.value for stage in stages[stages.index(first) :]]
    return airflow.clear(job.record.kind, job.run_id, named).issuperset(named)


def _delete_run(engine: Engine, airflow: AirflowApi, received: Received, reason: str) -> None:
    """Delete the run with a job's id. It is failed first, because Airflow refuses to delete a run that is running.

    A process that works on a task of the run ends at its next heartbeat; until then the fence keeps it from writing.
    """
    airflow.fail(received.kind, run_id(received.job_id))
    failpoint("run.failed", received.job_id)
    airflow.delete(received.kind, run_id(received.job_id))
    failpoint("run.deleted", received.job_id)
    job_runs.record_deleted_run(engine, received.job_id, reason)


def _trigger_or_restart(engine: Engine, airflow: AirflowApi, job: JobSnapshot) -> None:
    if not trigger(engine, airflow, job.received):
        restart(engine, airflow, job, airflow.run(job.received.kind, job.run_id))


def _check_started(engine: Engine, airflow: AirflowApi, retried: JobSnapshot) -> None:
    """Raise RunNotStarted unless the job has a complete run in progress, or made progress since it was retried."""
    run = airflow.run(retried.received.kind, retried.run_id)
    if run.state is not None and not run.missing and not run.has_ended:
        return
    if jobs.read(engine, retried.received.job_id).updated == retried.updated:
        found = f"lacks {', '.join(run.missing)}" if run.missing else f"is {run.state or 'deleted'}"
        raise RunNotStarted(f"Airflow accepted the retry, but {retried.run_id} {found}; housekeeping tries it again")
