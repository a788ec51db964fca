"""Create and read jobs, and change them while no stage holds them.

Called by the API, the command line and the operations. `ingest.ledger.models` lists the other modules that write the table
`job`.
"""

from collections.abc import Collection, Iterator
from dataclasses import asdict
from typing import NoReturn

from sqlalchemy import ColumnElement, Engine, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ingest.errors.types import JobCanceled, JobExists, JobFinished, ReceivedByOriginal
from ingest.ledger import idempotency_keys, legacy_jobs, uploads
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.database import autocommit, transaction
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.job_predicates import IS_IN_SPOOL, IS_UNFINISHED
from ingest.ledger.job_rows import LOCK, READ, find_row
from ingest.ledger.job_snapshots import COLUMNS, JobSnapshot, Received, to_snapshot
from ingest.ledger.models import REMOVED, Job
from ingest.states.job_record import JobState, JobStatus, Outcome
from ingest.states.notifications import NotificationType

LARGEST_ID = 2**63 - 1
# Transactions of jobs are short, but a suspended process may keep one open.
FAILED_WAIT_SECONDS = 2


def create(engine: Engine, received: Received, sha256: bytes | None = None) -> None:
    """Commit a new job with the file that was announced for it.

    `sha256` is the digest of the file, if it was announced with an idempotency key. Raises JobExists when the job's id is in
    use, UploadAbandoned when the file was removed in the meantime, IdempotencyKeyInUse, DatabaseUnavailable.
    """
    row = Job(
        id=received.job_id,
        kind=received.kind,
        user=received.user,
        spool_name=received.spool_name,
        size=received.size,
        submitter_claim=received.submitter_claim,
        traceparent=received.traceparent,
    )
    try:
        with transaction(engine) as session:
            session.add(row)
            session.flush()
            uploads.claim(session, received.spool_name, received.job_id)
            if sha256 is not None:
                idempotency_keys.complete(session, received.spool_name, received.job_id, sha256, received.size)
            add_event(session, received.job_id, EventKind.RECEIVED, text=f"{received.size} bytes by {received.user}")
    except IntegrityError as error:
        raise JobExists(f"job {received.job_id} exists already") from error


def read(engine: Engine, job_id: int) -> JobSnapshot:
    """Read a job; raises UnknownJob (ReceivedByOriginal), DatabaseUnavailable."""
    with transaction(engine) as session:
        return to_snapshot(read_row(session, job_id))


def read_several(engine: Engine, job_ids: Collection[int]) -> dict[int, JobSnapshot]:
    """Read the jobs that exist, by their ids; raises DatabaseUnavailable."""
    valid = [job_id for job_id in job_ids if is_valid_id(job_id)]
    with autocommit(engine) as connection:
        return {row.id: to_snapshot(row) for row in connection.execute(select(*COLUMNS).where(Job.id.in_(valid)))}


def unfinished(engine: Engine, after: int, limit: int) -> list[JobSnapshot]:
    """Return up to `limit` unfinished jobs with ids above `after`, in the order of their ids."""
    jobs = select(Job).where(Job.id > after, IS_UNFINISHED).order_by(Job.id).limit(limit)
    with transaction(engine) as session:
        return [to_snapshot(job) for job in session.scalars(jobs)]


def with_bundle(engine: Engine, *conditions: ColumnElement[bool]) -> Iterator[int]:
    """Return the ids of the jobs that have their bundle and meet the conditions, in order, each from a query of its own."""
    last = -1
    query = select(func.min(Job.id)).where(IS_IN_SPOOL, *conditions)
    while True:
        with transaction(engine) as session:
            found = session.scalar(query.where(Job.id > last))
        if found is None:
            return
        yield found
        last = found


def get_job(session: Session, job_id: int, *, for_update: bool = False) -> Job:
    """Load a job's row, locked with `for_update`.

    Raises UnknownJob, as ReceivedByOriginal when pacifica-ingest 0.4.1 received the job.
    """
    job = session.get(Job, job_id, with_for_update=True if for_update else None) if is_valid_id(job_id) else None
    return job or _refuse_unknown(session, job_id)


def read_row(session: Session, job_id: int) -> Job:
    """Return a job's row as an object that is not part of the session; raises as `get_job`."""
    return _find(session, READ, job_id)


def lock_row(session: Session, job_id: int) -> Job:
    """Lock a job's row until the transaction ends; return and raise as `read_row`."""
    return _find(session, LOCK, job_id)


def _find(session: Session, statement: CompiledStatement, job_id: int) -> Job:
    row = find_row(session, statement, job_id) if is_valid_id(job_id) else None
    return row or _refuse_unknown(session, job_id)


def _refuse_unknown(session: Session, job_id: int) -> NoReturn:
    if is_valid_id(job_id) and legacy_jobs.holds(session, job_id):
        raise ReceivedByOriginal(job_id)
    raise legacy_jobs.unknown(job_id)


def is_valid_id(job_id: int) -> bool:
    """Return whether a job may have this id."""
    return 0 <= job_id <= LARGEST_ID


def keep_last_state(engine: Engine, seen: JobSnapshot, state: JobState) -> None:
    """Store the state that a client received, for times when Airflow does not respond or has no run of the job.

    Does nothing when the job or its run has changed since it was seen. Once a client has received FAILED, all processes must
    answer it. So FAILED waits for a transaction that writes to the job, and is replaced only by a process that has seen it.
    Any other state is not stored while another transaction writes. Raises DatabaseUnavailable, also when FAILED has waited
    for FAILED_WAIT_SECONDS.
    """
    same = select(Job.id).where(
        Job.id == seen.received.job_id, Job.updated == seen.updated, Job.run_changes == seen.run_changes
    )
    is_failed = state.state == JobStatus.FAILED
    has_seen_failed = seen.record.last is not None and seen.record.last.state == JobStatus.FAILED
    if not is_failed and not has_seen_failed:
        same = same.where(func.coalesce(Job.last_state["state"].astext, "") != JobStatus.FAILED)
    with transaction(engine) as session:
        if is_failed:
            session.execute(text(f"SET LOCAL lock_timeout = '{FAILED_WAIT_SECONDS}s'"))
        unchanged = same.with_for_update(skip_locked=not is_failed).scalar_subquery()
        session.execute(update(Job).where(Job.id == unchanged).values(last_state=asdict(state)))


def override(engine: Engine, job_id: int, state: JobState, *, notify: bool = True) -> JobSnapshot:
    """Set a job's state by hand; with FAILED, the running stage loses its fence and stops.

    Without `notify`, webhooks are not notified of FAILED, because the job continues soon. Raises UnknownJob, JobFinished,
    JobCanceled.
    """
    with transaction(engine) as session:
        job = _changeable_job(session, job_id)
        job.override = asdict(state)
        job.fence += state.state == JobStatus.FAILED
        job.updated = func.now()
        text = f"{state.state} {state.task}: {state.exception}"
        notification = NotificationType.FAILED if notify and state.state == JobStatus.FAILED else None
        add_event(session, job_id, EventKind.OVERRIDE, text=text, notification=notification)
        session.flush()
        session.refresh(job)
        return to_snapshot(job)


def lift_override(engine: Engine, job_id: int) -> JobSnapshot:
    """Allow a job to continue that an admin or a final error had stopped; its clears and its wait begin again.

    A process that is about to remove the job's files loses the fence. Raises UnknownJob, JobFinished, JobCanceled.
    """
    with transaction(engine) as session:
        job = _changeable_job(session, job_id)
        job.override = None
        job.fence += 1
        job.last_state = None
        if job.error:
            # If the caller dies before it clears the run, housekeeping finds a job that Airflow lost, and clears it.
            job.error = {**job.error, "final": False}
        # Otherwise the time in which the job was stopped would count as a part of the wait.
        job.waiting = None
        job.clears = 0
        job.run_changes += 1
        job.updated = func.now()
        add_event(session, job_id, EventKind.RETRY, text="by an admin")
        session.flush()
        session.refresh(job)
        return to_snapshot(job)


def forget_bundle(session: Session, job_id: int, text: str) -> None:
    """Record that a job's bundle was removed; a stage that starts afterwards fails with BundleRemoved."""
    job = get_job(session, job_id)
    job.spool_name, job.finished, job.holder = REMOVED, None, None
    add_event(session, job_id, EventKind.BUNDLE_REMOVED, text=text)


def refuse_canceled(job: JobSnapshot) -> None:
    """Raise JobCanceled if a job was canceled."""
    if job.record.is_canceled:
        raise JobCanceled(f"job {job.received.job_id} cannot be continued; it was {job.record.cancellation}")


def _changeable_job(session: Session, job_id: int) -> Job:
    job = get_job(session, job_id, for_update=True)
    if job.outcome == Outcome.CATALOGED:
        raise JobFinished(f"job {job_id} is cataloged; its state cannot be changed any more")
    refuse_canceled(to_snapshot(job))
    return job
