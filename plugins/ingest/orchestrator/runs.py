"""A job's run in Airflow: starting it, starting the rest of it again, and ending it by an admin's hand.

Called by the API, housekeeping and the command line. Whatever changes a run in Airflow is here, and nowhere else. Each
change is counted in the job's row when it is made (`mark_triggered`, `record_deleted_run`, `count_clear` and
`count_run_change` of `ingest.ledger.job_runs`), so that no API process answers what it read of the run before.
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
from ingest.states.airflow import Run
from ingest.states.job_record import JobState, JobStatus
from ingest.states.job_state import first_unfinished
from ingest.states.stages import STAGES
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import to_one_line

# How often a request is repeated that collided with another one, and how long the pauses are.
ATTEMPTS = 8
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 1.5
Result = TypeVar("Result")


def trigger(engine: Engine, airflow: AirflowApi, received: Received) -> bool:
    """Trigger a job's run; return False when the job has one already.

    A run of another job that has the id of this job's run is deleted. A process that dies between the two writes has
    triggered the run, and housekeeping finds it by its id. Raises RunChanged, ServiceUnavailable, DatabaseUnavailable.
    """
    made = _make_run(engine, airflow, received)
    if not made and (found := airflow.foreign_run(received.kind, run_id(received.job_id))):
        _delete_run(engine, airflow, received, f"it was not a run of this job: {found}")
        made = _make_run(engine, airflow, received)
    failpoint("run.triggered", received.job_id)
    job_runs.mark_triggered(engine, received.job_id, made=made)
    return made


def start_again(engine: Engine, airflow: AirflowApi, job: JobSnapshot, run: Run) -> None:
    """Let the rest of a run start again: clear it, or replace it where Airflow no longer has all of its tasks.

    Raises RunChanged, ServiceUnavailable.
    """
    if run.missing or not _clear_unfinished(airflow, job, run):
        missing = ", ".join(run.missing) or "tasks"
        _delete_run(engine, airflow, job.received, f"Airflow no longer had {missing} of it")
        trigger(engine, airflow, job.received)


def retry(engine: Engine, airflow: AirflowApi, job_id: int) -> None:
    """Let a job run again: lift an override, clear what is unfinished, trigger or replace the run where that does not help.

    Raises UnknownJob, JobFinished, RunNotStarted, ServiceUnavailable. May be repeated, also while it runs elsewhere.
    """
    job = jobs.lift_override(engine, job_id)
    failpoint("retry.lifted", job_id)
    settled(lambda: _trigger_or_start_again(engine, airflow, job))
    failpoint("retry.cleared", job_id)
    job_runs.count_run_change(engine, job_id)
    failpoint("retry.counted", job_id)
    _check_started(engine, airflow, job)


def set_state(engine: Engine, airflow: AirflowApi, job_id: int, state: JobState) -> None:
    """Set a job's state by an admin's hand; FAILED also fails the run. Raises UnknownJob, JobFinished.

    The override is committed first: a process that dies before the run is failed leaves a job whose stages cannot begin.
    """
    job = jobs.override(engine, job_id, state)
    failpoint("set_state.overridden", job_id)
    if state.state == JobStatus.FAILED:
        settled(lambda: airflow.fail(job.received.kind, job.run_id))
        failpoint("set_state.failed", job_id)
        job_runs.count_run_change(engine, job_id)
        failpoint("set_state.counted", job_id)


def settled(action: Callable[[], Result]) -> Result:
    """Repeat an action on a run until no other request collides with it; it must read the run each time.

    Raises RunChanged when it collides again and again.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return action()
        except RunChanged:
            time.sleep(random.uniform(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))  # noqa: S311 - no secret
    return action()


def _make_run(engine: Engine, airflow: AirflowApi, received: Received) -> bool:
    conf = {
        "job_id": received.job_id,
        "user": to_one_line(received.user),
        "kind": received.kind.value,
        "bytes": received.size,
    }
    place = user_jobs.place_in_line(engine, received.job_id)
    return airflow.trigger(received.kind, run_id(received.job_id), conf, place)


def _clear_unfinished(airflow: AirflowApi, job: JobSnapshot, run: Run) -> bool:
    """Clear the first stage that the ledger lacks and all behind it; return whether Airflow has cleared all of them.

    From an earlier one when Airflow does not hold it as a success, although the ledger does: a process may have finished
    its stage after Airflow had given it up, and behind a failed task no other one would run.
    """
    stages = STAGES[job.record.kind]
    unfinished = first_unfinished(job.record)
    first = next(stage for stage in stages if stage is unfinished or run.task(stage).state != "success")
    named = [stage.value for stage in stages[stages.index(first) :]]
    return airflow.clear(job.record.kind, job.run_id, named).issuperset(named)


def _delete_run(engine: Engine, airflow: AirflowApi, received: Received, reason: str) -> None:
    """Delete the run with a job's id, whatever it does: Airflow deletes no run that is running, so it is failed first.

    A process that works on one of its tasks ends at its next heartbeat; until then the fence keeps it from writing.
    """
    airflow.fail(received.kind, run_id(received.job_id))
    failpoint("run.failed", received.job_id)
    airflow.delete(received.kind, run_id(received.job_id))
    failpoint("run.deleted", received.job_id)
    job_runs.record_deleted_run(engine, received.job_id, reason)


def _trigger_or_start_again(engine: Engine, airflow: AirflowApi, job: JobSnapshot) -> None:
    if not trigger(engine, airflow, job.received):
        start_again(engine, airflow, job, airflow.run(job.received.kind, job.run_id))


def _check_started(engine: Engine, airflow: AirflowApi, retried: JobSnapshot) -> None:
    """Raise RunNotStarted unless the job has a whole run that has not ended, or made progress since it was retried."""
    run = airflow.run(retried.received.kind, retried.run_id)
    if run.state is not None and not run.missing and not run.has_ended:
        return
    if jobs.read(engine, retried.received.job_id).updated == retried.updated:
        found = f"lacks {', '.join(run.missing)}" if run.missing else f"is {run.state or 'deleted'}"
        raise RunNotStarted(f"Airflow accepted the retry, but {retried.run_id} {found}; housekeeping tries it again")
