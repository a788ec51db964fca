"""Read and change the waits of jobs that no process works on.

Called by housekeeping (`ingest.operations.resume_jobs` and `repair_job`).
"""

from collections.abc import Collection

from sqlalchemy import Engine, Text, cast, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from ingest.ledger.database import transaction
from ingest.ledger.job_predicates import IS_UNFINISHED, IS_WAITING
from ingest.ledger.job_snapshots import JobSnapshot, to_snapshot
from ingest.ledger.models import Job

_NEXT_ATTEMPT = cast(["next_attempt_at"], ARRAY(Text))


def read_waiting(engine: Engine) -> list[JobSnapshot]:
    """Return the jobs that wait for their next attempt, in the order in which they were received."""
    waiting = select(Job).where(IS_WAITING, IS_UNFINISHED, Job.holder.is_(None)).order_by(Job.created, Job.id)
    with transaction(engine) as session:
        return [to_snapshot(job) for job in session.scalars(waiting)]


def record_resumed(engine: Engine, job_id: int) -> None:
    """Record that the next attempt of a job was started in Airflow, so that polls read its run again."""
    with transaction(engine) as session:
        session.execute(update(Job).where(Job.id == job_id).values(run_changes=Job.run_changes + 1))
        _set_next_attempt(session, [job_id], 0.0)


def postpone(engine: Engine, job_ids: Collection[int], seconds: float) -> None:
    """Postpone the next attempts of jobs whose service does not answer; a process may have started one meanwhile."""
    with transaction(engine) as session:
        _set_next_attempt(session, job_ids, seconds)


def _set_next_attempt(session: Session, job_ids: Collection[int], seconds: float) -> None:
    at = func.to_jsonb(func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds))
    changed = update(Job).where(Job.id.in_(job_ids), IS_WAITING, Job.holder.is_(None))
    session.execute(changed.values(waiting=func.jsonb_set(Job.waiting, _NEXT_ATTEMPT, at)))
