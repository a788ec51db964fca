"""Cancel a job, in one transaction after which no process can archive or catalog anything of it.

Called by `ingest.operations.job_actions`. A cancellation is a rejection by a person:

- if the archive may hold files of the job, the job is `rejecting`: the next stage of its run, which housekeeping restarts if
  needed, removes them and ends the job (`ingest.archiving.rejection`);
- otherwise it is `rejected`, which ends it.

The code of the rejection, `canceled`, is never replaced, so no retry and no Clear continues the job.
"""

from datetime import UTC

from sqlalchemy import Engine, func
from sqlalchemy.orm import Session

from ingest.errors.types import JobBeingCataloged, JobCanceled, JobFinished
from ingest.ledger.database import read_clock, transaction
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.files import may_be_stored
from ingest.ledger.job_snapshots import JobSnapshot, to_snapshot
from ingest.ledger.jobs import get_job
from ingest.ledger.models import Job
from ingest.states.job_record import Outcome
from ingest.states.job_state import first_unfinished


def cancel(engine: Engine, job_id: int, shown_as: str, account: str) -> JobSnapshot:
    """Commit that a job is canceled, unless it is already; a process that works on it loses the fence.

    Clients see `shown_as` as the person who canceled the job; the event names the `account`. Raises UnknownJob, JobFinished,
    JobBeingCataloged, DatabaseUnavailable.
    """
    with transaction(engine) as session:
        job = get_job(session, job_id, for_update=True)
        _refuse_cataloged(job)
        if not to_snapshot(job).record.is_canceled:
            _cancel(session, job, shown_as)
            add_event(session, job_id, EventKind.CANCELED, text=f"by {account}")
            session.flush()
            session.refresh(job)
        return to_snapshot(job)


def _refuse_cataloged(job: Job) -> None:
    """Refuse a job that the catalog holds, or may hold.

    `catalogue_settles` is committed before a transaction is sent. A rejection that has ended has made sure that the catalog
    holds nothing of the job.
    """
    if job.outcome == Outcome.CATALOGED:
        raise JobFinished(f"job {job.id} is complete; it cannot be canceled any more")
    if job.outcome in (Outcome.CATALOGING, Outcome.REJECTING) and job.catalogue_settles is not None:
        raise JobBeingCataloged(
            f"job {job.id} was sent to the catalog, which may hold it already; it cannot be canceled any more. It ends when "
            "the catalog answers; if it has failed, an admin can retry it"
        )


def _cancel(session: Session, job: Job, shown_as: str) -> None:
    is_removed = not may_be_stored(session, job.id)
    at = read_clock(session).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    record = to_snapshot(job).record
    # Otherwise the uploader would no longer see what to fix before the data is sent again.
    earlier = record.error if record.error is not None and record.error.final else None
    failed_before = f"; it had failed: {earlier.text}" if earlier else ""
    text = f"by {shown_as} at {at}; to archive the data, send it as a new job{failed_before}"
    reason = {"code": JobCanceled.code, "text": text}
    job.rejection = reason
    job.outcome = Outcome.REJECTED if is_removed else Outcome.REJECTING
    faults = job.error if earlier and job.error else {}
    job.error = {**faults, **reason, "stage": first_unfinished(record), "final": is_removed, "attempt": 0}
    job.override, job.waiting, job.clears = None, None, 0
    job.fence += 1
    job.updated = func.now()
