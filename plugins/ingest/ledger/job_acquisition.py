"""Write the start of a process to the locked row of a job: its fence and holder, and what the start of a stage clears.

Called by `ingest.ledger.lease`.
"""

import os
import platform
from typing import Any

from sqlalchemy import bindparam, func, update
from sqlalchemy.orm import Session

from ingest.errors.types import JobOverridden
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.job_rows import JOB
from ingest.ledger.job_snapshots import JobSnapshot
from ingest.ledger.jobs import refuse_canceled
from ingest.ledger.models import REMOVED, Job
from ingest.states.job_record import JobStatus, Outcome
from ingest.states.stages import Stage

_JOB = update(JOB).where(JOB.c.id == bindparam("job_id"))
HELD = ("fence", "holder")
STARTED = ("stage", "percent", "outcome", "override", "error", "last_state")
HOLD = CompiledStatement(_JOB, HELD)
START_STAGE = CompiledStatement(_JOB.values(updated=func.now()), HELD + STARTED)


def hold(session: Session, job: Job, attempt: int) -> None:
    """Write this process to the locked row of a job as its holder, with the next fence."""
    HOLD.execute(session, job_id=job.id, **_held(job, attempt))


def start_stage(session: Session, job: Job, snapshot: JobSnapshot, stage: Stage, attempt: int) -> None:
    """Hold a locked job, and clear its outcome, override and final error, because it continues.

    Raises JobOverridden when an admin has failed the job, JobCanceled when nothing of a canceled job is left to remove.
    """
    if snapshot.record.is_rejected:
        refuse_canceled(snapshot)
    _refuse_overridden(job)
    is_same = job.stage == stage
    keeps_outcome = job.outcome != Outcome.REJECTED or snapshot.record.is_canceled
    values: dict[str, Any] = {
        "stage": stage,
        "percent": job.percent if is_same else 0.0,
        "outcome": job.outcome if keeps_outcome else None,
        "override": None,
        "error": {**job.error, "final": False} if job.error else None,
        "last_state": job.last_state if not _is_failed(job.last_state) else None,
    }
    START_STAGE.execute(session, job_id=job.id, **_held(job, attempt), **values)


def has_nothing_left(job: Job, stage: Stage) -> bool:
    """Return whether a job is cataloged and the stage has nothing to do; the last stage may still have to free the spool."""
    is_spool_freed = job.finished == Stage.INGEST_METADATA and job.spool_name == REMOVED
    return job.outcome == Outcome.CATALOGED and (stage is not Stage.INGEST_METADATA or is_spool_freed)


def _held(job: Job, attempt: int) -> dict[str, Any]:
    return {"fence": job.fence + 1, "holder": f"{platform.node()}:{os.getpid()}:{attempt}"}


def _refuse_overridden(job: Job) -> None:
    """Raise JobOverridden for FAILED, which holds until the job is retried; another override ends when the job continues."""
    if job.override is not None and _is_failed(job.override):
        raise JobOverridden(f"an admin has failed job {job.id}: {job.override['exception']}")


def _is_failed(state: dict[str, Any] | None) -> bool:
    return state is not None and state["state"] == JobStatus.FAILED
