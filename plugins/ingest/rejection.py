"""Rejecting a job for good: what was archived of it is removed, and the catalogue never learns of it.

Called by the stages' wrapper. The order of writes: make sure that the catalogue has nothing; commit `rejecting` with the
reason; remove the files in batches, each committed; commit `rejected`. A process that dies in between leaves a job that is
`rejecting`, and the next process that takes it over finishes it before anything else.
"""

from collections.abc import Iterable

from ingest.archiving import remove_files
from ingest.cataloguing import is_catalogued
from ingest.context import StageContext
from ingest.errors import RejectedBefore, Rejection
from ingest.files import FileState, LedgerFile, files_in, totals
from ingest.models import Job
from ingest.moving import put_files_back
from ingest.states import Kind, Outcome


def reject(context: StageContext, error: Rejection) -> bool:
    """Leave nothing of the job in archive or catalogue; gives False when the catalogue holds the job already.

    That is so when a process died before it could record it; then the job has ended well, whatever a stage says now.
    Raises CatalogueConflict, TransientError when a service is away.
    """
    if _nothing_was_sent(context):
        context.ledger.set(outcome=Outcome.REJECTED)
        return True
    if is_catalogued(context):
        context.ledger.set(outcome=Outcome.CATALOGUED)
        return False
    context.ledger.set(outcome=Outcome.REJECTING, rejection={"code": error.code, "text": error.text})
    remove_all(context)
    context.ledger.set(outcome=Outcome.REJECTED)
    return True


def remove_all(context: StageContext) -> None:
    """Remove from the archive what it holds of the job; the sources of a move are put back where they were."""
    remove(context, files_in(context.ledger, FileState.SENDING, FileState.ARCHIVED))


def remove(context: StageContext, files: Iterable[LedgerFile]) -> None:
    """Remove files of the job from the archive, after which they are pending."""
    if context.ledger.job.record.kind is Kind.MOVE:
        put_files_back(context, files)
    else:
        remove_files(context, files)


def resume_rejection(context: StageContext) -> None:
    """Raise again the rejection that an earlier process began and did not finish; do nothing when there is none."""
    if context.ledger.job.record.outcome is not Outcome.REJECTING:
        return
    with context.ledger.transaction() as session:
        begun = session.get_one(Job, context.ledger.job_id).rejection or {}
    raise RejectedBefore(begun["code"], begun["text"])


def _nothing_was_sent(context: StageContext) -> bool:
    sent, _ = totals(context.ledger, FileState.SENDING, FileState.ARCHIVED)
    return sent == 0 and context.ledger.job.record.outcome in (None, Outcome.REJECTED)
