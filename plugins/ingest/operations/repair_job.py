"""Repairs one unfinished job: triggers, restarts or ends its run in Airflow, or starts its next attempt.

Called by housekeeping for every unfinished job, and by `resume_jobs` for jobs that wait for a service.
"""

from sqlalchemy import Engine

from ingest.errors.types import RUN_LOST, RUN_MARKED_FAILED
from ingest.ledger import job_runs, jobs, waiting_jobs
from ingest.ledger.jobs import JobSnapshot
from ingest.orchestrator.canceled_runs import change_run
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.failure_marks import marked_failed_by
from ingest.orchestrator.runs import restart, trigger
from ingest.orchestrator.start_jobs import may_start
from ingest.settings.loading import Settings
from ingest.states.airflow import Run, RunState
from ingest.states.job_record import Outcome
from ingest.states.job_state import GIVEN_UP_TEXT, MARKED_TEXT, lost_by_airflow, lost_for_good
from ingest.states.waiting import Resumption
from ingest.system.failpoints import failpoint


def repair_job(
    settings: Settings, engine: Engine, airflow: AirflowApi, seen: JobSnapshot, *, resume: bool = False
) -> list[str]:
    """Trigger, restart or end the run of one job as needed; return the names of the actions, by which they are counted.

    `resume` starts the next attempt of a job that waits for it. Raises ServiceUnavailable, DatabaseUnavailable.
    """
    is_turn = may_start(settings, engine, seen.received) if seen.triggered is None else _has_started(seen)
    if not (is_turn or resume):
        return []
    run = airflow.run(seen.received.kind, seen.run_id)
    # Read the job again: if it has ended since, an ended run is not a lost one.
    job = jobs.read(engine, seen.received.job_id)
    if run.state is None or job.triggered is None:
        trigger(engine, airflow, job.received)
        return ["triggered"]
    if actions := _end_if_marked(engine, airflow, job, run):
        return actions
    if job.record.is_waiting:
        # Airflow starts an attempt itself that is due.
        starts_early = run.waits_for_retry and not job.is_due
        return _resume(engine, airflow, job, run) if _is_lost(job, run) or starts_early else []
    if job.record.is_canceled and run.waits_for_retry:
        # The process of its stage was ended, after which Airflow waits longer with each try.
        change_run(engine, airflow, job)
        return ["cleared"]
    return _restart_lost(engine, airflow, job, run)


def _has_started(job: JobSnapshot) -> bool:
    """Return whether a job does not wait, or its next attempt was started."""
    return job.record.resumption in (None, Resumption.STARTED)


def end_if_marked(engine: Engine, airflow: AirflowApi, seen: JobSnapshot) -> list[str]:
    """End a job whose run an operator marked as failed; return the names of the actions. Raises as `repair_job`."""
    run = airflow.run(seen.received.kind, seen.run_id)
    return _end_if_marked(engine, airflow, jobs.read(engine, seen.received.job_id), run)


def _restart_lost(engine: Engine, airflow: AirflowApi, job: JobSnapshot, run: Run) -> list[str]:
    """Restart a run that Airflow lost, at most CLEARS_ALLOWED times."""
    if lost_by_airflow(job.record, run):
        # Counted after the restart: counted before it, the last permitted clear would show the job as FAILED until the run
        # is cleared. A kill in between allows one clear too many, which does no harm.
        restart(engine, airflow, job, run)
        failpoint("housekeeping.cleared", job.received.job_id)
        job_runs.count_clear(engine, job.received.job_id)
        return ["cleared"]
    if lost_for_good(job.record, run):
        job_runs.give_up(engine, job, RUN_LOST, GIVEN_UP_TEXT)
        return ["given_up"]
    return []


def _resume(engine: Engine, airflow: AirflowApi, job: JobSnapshot, run: Run) -> list[str]:
    """Start the next attempt of a job that waits; if the process dies, the run is found in progress later."""
    restart(engine, airflow, job, run)
    failpoint("housekeeping.resumed", job.received.job_id)
    waiting_jobs.record_resumed(engine, job)
    return ["resumed"]


def _is_lost(job: JobSnapshot, run: Run) -> bool:
    return lost_by_airflow(job.record, run) or lost_for_good(job.record, run)


def _end_if_marked(engine: Engine, airflow: AirflowApi, job: JobSnapshot, run: Run) -> list[str]:
    account = _ended_by(airflow, job, run)
    if account is None:
        return []
    job_runs.give_up(engine, job, RUN_MARKED_FAILED, MARKED_TEXT, f"marked by {account}")
    return ["stopped"]


def _ended_by(airflow: AirflowApi, job: JobSnapshot, run: Run) -> str | None:
    """Return the account that marked a job's run as failed in Airflow; None also while a rejection is being carried out."""
    if not _is_lost(job, run) or run.state != RunState.FAILED or job.record.outcome is Outcome.REJECTING:
        return None
    return marked_failed_by(airflow, job.received.kind, job.run_id)
