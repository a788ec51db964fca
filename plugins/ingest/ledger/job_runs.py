"""Record this service's changes of a job's run in Airflow: triggered, cleared, deleted, given up.

Called by `ingest.orchestrator.runs` and `ingest.operations.housekeeping`, after the change in Airflow.
"""

from sqlalchemy import Engine, func, update
from sqlalchemy.orm import Session

from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.job_snapshots import JobSnapshot
from ingest.ledger.jobs import get_job
from ingest.ledger.models import Job
from ingest.states.job_record import JobStatus
from ingest.states.job_state import first_unfinished


def mark_triggered(engine: Engine, job_id: int, *, made: bool = True) -> None:
    """Record that Airflow has the job's run; `made` if this process has just created the run."""
    is_first = (
        update(Job).where(Job.id == job_id, Job.triggered.is_(None)).values(triggered=func.now()).returning(Job.id)
    )
    with transaction(engine) as session:
        if session.scalar(is_first) is not None or made:
            _count_run_change(session, job_id)
            add_event(session, job_id, EventKind.TRIGGERED)


def record_deleted_run(engine: Engine, job_id: int, text: str) -> None:
    """Record that the run in Airflow with the job's id was deleted, and why."""
    with transaction(engine) as session:
        _count_run_change(session, job_id)
        add_event(session, job_id, EventKind.RUN_DELETED, text=text)


def count_run_change(engine: Engine, job_id: int) -> None:
    """Record that the job's run was changed in Airflow, so that no process answers from an earlier read of the run.

    Call it after the change: no poll then uses a run that was read before the change, because it has an older number. If the
    process dies in between, no client was promised anything, and the run is read again within seconds.
    """
    with transaction(engine) as session:
        job = get_job(session, job_id, for_update=True)
        job.run_changes += 1
        # A poll may have stored this state after an override was lifted and before the run was changed.
        if job.last_state and job.last_state["state"] == JobStatus.FAILED:
            job.last_state = None


def count_clear(engine: Engine, job_id: int) -> None:
    """Record that housekeeping has restarted a run that Airflow lost."""
    with transaction(engine) as session:
        session.execute(update(Job).where(Job.id == job_id).values(clears=Job.clears + 1, updated=func.now()))
        _count_run_change(session, job_id)
        add_event(session, job_id, EventKind.CLEARED, text="Airflow lost the run; housekeeping has started it again")


def give_up(engine: Engine, seen: JobSnapshot, code: str, text: str, detail: str = "") -> None:
    """Record that housekeeping does not restart a job's run; do nothing when the job made progress since it was seen.

    A process that still works on the job loses the fence: it must not write once clients see the job as failed. The detail
    is for admins and appears in the event only.
    """
    stage = first_unfinished(seen.record)
    described = f"{text} ({detail})" if detail else text
    with transaction(engine) as session:
        job = get_job(session, seen.received.job_id, for_update=True)
        if job.updated == seen.updated:
            job.error = {"stage": stage, "code": code, "text": text, "final": True, "attempt": 0}
            job.waiting = None
            job.fence += 1
            job.updated = func.now()
            add_event(session, job.id, EventKind.STAGE_FAILED, stage, code=code, text=described)


def _count_run_change(session: Session, job_id: int) -> None:
    session.execute(update(Job).where(Job.id == job_id).values(run_changes=Job.run_changes + 1))
