"""Read and change the waits of jobs that no process works on.

Called by housekeeping (`ingest.operations.resume_jobs` and `repair_job`).
"""

from collections import Counter
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Engine, cast, func, not_, or_, select, update

from ingest.ledger.database import transaction
from ingest.ledger.job_predicates import IS_UNFINISHED, IS_WAITING
from ingest.ledger.job_snapshots import JobSnapshot, to_snapshot
from ingest.ledger.models import Job
from ingest.states.waiting import Resumption

START_TIMEOUT = timedelta(minutes=10)


def read_waiting(engine: Engine) -> list[JobSnapshot]:
    """Return the jobs whose next attempt was not started, in the order in which they were received."""
    waiting = select(Job).where(IS_WAITING, IS_UNFINISHED).order_by(Job.created, Job.id)
    with transaction(engine) as session:
        return [to_snapshot(job) for job in session.scalars(waiting)]


def count_trying(engine: Engine) -> Counter[str]:
    """Return, by service, how many jobs try it after a wait, or are about to.

    An attempt that Airflow does not begin within START_TIMEOUT does not count: an operator may have ended its run by hand.
    """
    service = Job.waiting["service"].as_string()
    started = cast(Job.waiting["next_attempt_at"].as_string(), DateTime(timezone=True))
    is_trying = or_(Job.holder.is_not(None), started > func.now() - START_TIMEOUT)
    trying = select(service, func.count()).where(Job.waiting.is_not(None), not_(IS_WAITING), IS_UNFINISHED, is_trying)
    with transaction(engine) as session:
        return Counter({row[0]: row[1] for row in session.execute(trying.group_by(service))})


def record_resumed(engine: Engine, seen: JobSnapshot) -> None:
    """Record that the next attempt of a job was started in Airflow, so that polls read its run again.

    The wait is not changed if the attempt has begun since the job was seen.
    """
    with transaction(engine) as session:
        is_job = Job.id == seen.received.job_id
        session.execute(update(Job).where(is_job).values(run_changes=Job.run_changes + 1))
        waits = update(Job).where(is_job, IS_WAITING, Job.updated == seen.updated)
        session.execute(waits.values(waiting=_waiting_with(Resumption.STARTED, _after(0.0))))


def record_in_line(engine: Engine, job_ids: Collection[int]) -> None:
    """Record that the service answers again that these jobs wait for, and that older jobs go first."""
    with transaction(engine) as session:
        waits = update(Job).where(Job.id.in_(job_ids), IS_WAITING)
        session.execute(waits.values(waiting=_waiting_with(Resumption.IN_LINE)))


def postpone(engine: Engine, job_ids: Collection[int], seconds: float) -> None:
    """Postpone the next attempts of jobs whose service does not answer; a process may have started one meanwhile."""
    with transaction(engine) as session:
        waits = update(Job).where(Job.id.in_(job_ids), IS_WAITING)
        session.execute(waits.values(waiting=_waiting_with(Resumption.NONE, _after(seconds))))


def _waiting_with(resumption: Resumption, next_attempt_at: ColumnElement[Any] | None = None) -> ColumnElement[Any]:
    changes = ["resumption", resumption.value]
    if next_attempt_at is None:
        return Job.waiting.concat(func.jsonb_build_object(*changes))
    return Job.waiting.concat(func.jsonb_build_object(*changes, "next_attempt_at", next_attempt_at))


def _after(seconds: float) -> ColumnElement[Any]:
    """Return a time by the database's clock."""
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
