"""Rejecting a job for good: what was archived of it is removed, and the catalogue never learns of it.

Called by the stages' wrapper. The order of writes: commit `rejecting` with the reason; make sure that the catalogue has
nothing and is not about to; remove the files in batches, each committed; commit `rejected`. A process that dies in between
leaves a job that is `rejecting`, and the next process that takes it over finishes it before anything else.
"""

from collections.abc import Iterable

from ingest.archiving.catalog import check_settled, is_cataloged
from ingest.archiving.deletion import remove_files
from ingest.archiving.moves.restore import restore_sources
from ingest.context import StageContext
from ingest.errors.types import CatalogConflict, RejectedBefore, Rejection, RejectionUnfinished, TransientError
from ingest.ledger.files import MAY_BE_STORED, LedgerFile, files_to_remove, totals
from ingest.ledger.models import Job
from ingest.states.job_record import Outcome
from ingest.states.stages import Kind
from ingest.system.failpoints import failpoint


def reject(context: StageContext, error: Rejection) -> bool:
    """Leave nothing of the job in archive or catalogue; gives False when the catalogue holds the job already.

    That is so when a process died before it could record it; then the job has ended well, whatever a stage says now.
    Raises CatalogConflict; RejectionUnfinished when a service is away, or the catalogue may still be at work.
    """
    try:
        return _reject(context, error)
    except TransientError as cause:
        raise RejectionUnfinished(error, cause) from cause


def _reject(context: StageContext, error: Rejection) -> bool:
    if _nothing_was_sent(context):
        context.lease.event("rejected", outcome=Outcome.REJECTED)
        failpoint("rejection.nothing_sent", context.lease.job_id)
        return True
    reason = {"code": error.code, "text": error.text_of_job}
    context.lease.event("rejecting", **reason, outcome=Outcome.REJECTING, rejection=reason)
    failpoint("rejection.rejecting", context.lease.job_id)
    # Before it is asked: what is settled appears no more.
    check_settled(context)
    if is_cataloged(context):
        context.lease.event("catalogued", outcome=Outcome.CATALOGED)
        return False
    remove_all(context)
    failpoint("rejection.removed", context.lease.job_id)
    context.lease.event("rejected", outcome=Outcome.REJECTED)
    failpoint("rejection.rejected", context.lease.job_id)
    return True


def remove_all(context: StageContext) -> None:
    """Remove from the archive what it holds of the job; the sources of a move are put back where they were."""
    remove(context, files_to_remove(context.lease))


def remove_uncataloged(context: StageContext) -> None:
    """Remove all from the archive by somebody's will and not by a fault.

    Raises CatalogConflict if it is catalogued, CatalogUnsettled as long as it may become so.
    """
    check_settled(context)
    if context.services.metadata.find(context.lease.job_id) is not None:
        raise CatalogConflict(f"the catalogue holds transaction {context.lease.job_id}; retry the job as it is")
    remove_all(context)


def remove(context: StageContext, files: Iterable[LedgerFile]) -> None:
    """Remove files of the job from the archive, after which they are pending."""
    if context.lease.job.record.kind is Kind.MOVE:
        restore_sources(context, files)
    else:
        remove_files(context, files)


def resume_rejection(context: StageContext) -> None:
    """Raise again the rejection that an earlier process began and did not finish; do nothing when there is none."""
    if context.lease.job.record.outcome is not Outcome.REJECTING:
        return
    with context.lease.transaction() as session:
        begun = session.get_one(Job, context.lease.job_id).rejection or {}
    raise RejectedBefore(begun["code"], begun["text"])


def _nothing_was_sent(context: StageContext) -> bool:
    sent, _ = totals(context.lease, *MAY_BE_STORED)
    return sent == 0 and context.lease.job.record.outcome in (None, Outcome.REJECTED)
