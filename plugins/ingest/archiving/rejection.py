"""Reject a job: remove its files from the archive, and never send it to the catalog.

The stages' wrapper calls `reject`; `ingest_metadata`, retention, reconciliation and `replace_bundle` only remove files. The
order of writes in `reject`:

1. commit `rejecting` with the reason;
2. verify that the catalog neither holds the job nor is about to;
3. remove the files in batches, each committed;
4. commit `rejected`.

A process that dies in between leaves a job that is `rejecting`. The next process that acquires it first finishes the
rejection. A job that a person cancels begins with step 2, because the cancellation is step 1 (`ingest.ledger.cancellation`).
"""

from collections.abc import Iterable

from ingest.archiving.catalog import check_settled, is_cataloged
from ingest.archiving.deletion import remove_files
from ingest.archiving.moves.restore import restore_sources
from ingest.context import StageContext
from ingest.errors.types import CatalogConflict, RejectedBefore, Rejection, RejectionUnfinished, TransientError
from ingest.ledger.events import EventKind
from ingest.ledger.files import MAY_BE_STORED, LedgerFile, files_to_remove, totals
from ingest.ledger.models import Job
from ingest.states.job_record import Outcome
from ingest.states.stages import Kind
from ingest.system.failpoints import failpoint


def reject(context: StageContext, error: Rejection) -> bool:
    """Remove everything of a job from the archive; return False when the catalog holds the job.

    The catalog holds the job when an earlier process died before it could record that. The job is then complete, even if a
    stage has failed since. Raises CatalogConflict; RejectionUnfinished when a service is unavailable or the catalog may
    still be working.
    """
    try:
        return _reject(context, error)
    except TransientError as cause:
        raise RejectionUnfinished(error, cause) from cause


def _reject(context: StageContext, error: Rejection) -> bool:
    if _nothing_was_sent(context):
        context.lease.event(EventKind.REJECTED, outcome=Outcome.REJECTED)
        failpoint("rejection.nothing_sent", context.lease.job_id)
        return True
    reason = {"code": error.code, "text": error.text_of_job, **error.details_of_job}
    context.lease.event(EventKind.REJECTING, error.text_of_job, error.code, outcome=Outcome.REJECTING, rejection=reason)
    failpoint("rejection.rejecting", context.lease.job_id)
    # In this order: a transaction that has not appeared by the time it is settled never does.
    check_settled(context)
    if is_cataloged(context):
        context.lease.event(EventKind.CATALOGED, outcome=Outcome.CATALOGED)
        return False
    remove_all(context)
    failpoint("rejection.removed", context.lease.job_id)
    context.lease.event(EventKind.REJECTED, outcome=Outcome.REJECTED)
    failpoint("rejection.rejected", context.lease.job_id)
    return True


def remove_all(context: StageContext) -> None:
    """Remove all that the archive may hold of the job; the sources of a move are restored."""
    remove(context, files_to_remove(context.lease))


def remove_uncataloged(context: StageContext) -> None:
    """Remove all files from the archive for an operation, not because of a fault.

    Raises CatalogConflict if the job is cataloged, CatalogUnsettled as long as it may still be cataloged.
    """
    check_settled(context)
    if context.services.metadata.find(context.lease.job_id) is not None:
        raise CatalogConflict(f"the catalog holds transaction {context.lease.job_id}; retry the job as it is")
    remove_all(context)


def remove(context: StageContext, files: Iterable[LedgerFile]) -> None:
    """Remove files of the job from the archive, after which they are pending."""
    if context.lease.job.record.kind is Kind.MOVE:
        restore_sources(context, files)
    else:
        remove_files(context, files)


def resume_rejection(context: StageContext) -> None:
    """Raise the rejection that an earlier process or a cancellation began; do nothing when there is none."""
    record = context.lease.job.record
    if record.outcome is not Outcome.REJECTING and not record.is_canceled:
        return
    with context.lease.transaction() as session:
        reason = session.get_one(Job, context.lease.job_id).rejection or {}
    raise RejectedBefore(**reason)


def _nothing_was_sent(context: StageContext) -> bool:
    sent, _ = totals(context.lease, *MAY_BE_STORED)
    return sent == 0 and context.lease.job.record.outcome in (None, Outcome.REJECTED)
