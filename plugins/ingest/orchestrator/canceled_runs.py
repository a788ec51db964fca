"""Ends the run of a canceled job in Airflow, or makes it remove the job's files now.

Called by `ingest.operations.job_actions`. Nothing depends on it: without it, the run's next stage ends the job, and
housekeeping restarts the run if it has none.
"""

from sqlalchemy import Engine

from ingest.ledger import job_runs
from ingest.ledger.job_snapshots import JobSnapshot
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.runs import repeat_on_collision, restart, trigger
from ingest.states.airflow import RUNNING_STATES, SCHEDULED_STATES
from ingest.system.failpoints import failpoint


def change_run(engine: Engine, airflow: AirflowApi, job: JobSnapshot) -> None:
    """Mark the run of a canceled job as failed, or continue it if files are still to be removed; may be repeated.

    Raises ServiceUnavailable, DatabaseUnavailable.
    """
    change = _continue if job.record.is_unfinished else _end
    repeat_on_collision(lambda: change(engine, airflow, job))
    failpoint("cancel.run_changed", job.received.job_id)
    job_runs.count_run_change(engine, job.received.job_id)
    failpoint("cancel.counted", job.received.job_id)


def _end(_engine: Engine, airflow: AirflowApi, job: JobSnapshot) -> None:
    airflow.fail(job.received.kind, job.run_id)


def _continue(engine: Engine, airflow: AirflowApi, job: JobSnapshot) -> None:
    """Start a stage of the run unless one is running or about to: a stage that loses the fence is tried again soon.

    Airflow waits long for a stage that is cleared at the moment its process ends.
    """
    run = airflow.run(job.received.kind, job.run_id)
    if run.state is None:
        trigger(engine, airflow, job.received)
    elif run.has_ended or not any(task.state in RUNNING_STATES | SCHEDULED_STATES for task in run.tasks):
        restart(engine, airflow, job, run)
