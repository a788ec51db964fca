"""Rejecting a job for good: what was archived of it is removed, and the catalogue never learns of it.

Called by the stages' wrapper. The order of writes: commit `rejecting` with the error; make sure that the catalogue has
nothing; remove the files in batches, each committed; commit `rejected`. A process that dies in between leaves a job that is
`rejecting`, and the next process that takes it over finishes it before anything else.
"""

from ingest.archiving import remove_files
from ingest.context import StageContext
from ingest.errors import CatalogueConflict, RejectedBefore, Rejection
from ingest.files import FileState, totals
from ingest.models import Job
from ingest.moving import put_all_back
from ingest.states import Kind, Outcome


def reject(context: StageContext, error: Rejection) -> None:
    """Leave nothing of the job in archive or catalogue.

    Raises CatalogueConflict when the catalogue holds it nevertheless, TransientError when a service is away.
    """
    if _nothing_was_sent(context):
        context.ledger.set(outcome=Outcome.REJECTED)
        return
    context.ledger.set(outcome=Outcome.REJECTING, rejection={"code": error.code, "text": error.text})
    if context.services.metadata.find(context.ledger.job_id) is not None:
        context.ledger.set(outcome=Outcome.CATALOGUING)
        text = f"the catalogue already holds transaction {context.ledger.job_id}; it was to be rejected: {error.text}"
        raise CatalogueConflict(text)
    remove_all(context)
    context.ledger.set(outcome=Outcome.REJECTED)


def remove_all(context: StageContext) -> None:
    """Remove from the archive what it holds of the job; the sources of a move are put back where they were."""
    if context.ledger.job.record.kind is Kind.MOVE:
        put_all_back(context)
    else:
        remove_files(context)


def resume_rejection(context: StageContext) -> None:
    """Raise again the rejection that an earlier process began and did not finish; do nothing when there is none."""
    if context.ledger.job.record.outcome is not Outcome.REJECTING:
        return
    with context.ledger.transaction() as session:
        begun = session.get_one(Job, context.ledger.job_id).rejection or {}
    raise RejectedBefore(begun["code"], begun["text"])


def _nothing_was_sent(context: StageContext) -> bool:
    sent, _ = totals(context.ledger, FileState.SENDING, FileState.ARCHIVED)
    return sent == 0 and context.ledger.job.record.outcome is not Outcome.CATALOGUING
