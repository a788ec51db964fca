"""Delete a job's files from the archive, so that a late DELETE cannot remove a file that was sent after it.

Called by `ingest.archiving.batches` and `ingest.archiving.rejection`. A busy archive may queue a request until its client
times out, and carry it out only after the repeated request. So `deleting` is committed before each DELETE. A process that
finds a file `deleting` deletes it again and assigns a new id, which the late request does not name. Only the process that
received the answer may send under the same id.
"""

from collections.abc import Iterable

from ingest.archiving.file_ids import DELETION_UNANSWERED, HELD, replace_ids
from ingest.archiving.stored_contents import find_foreign
from ingest.context import StageContext
from ingest.ledger.file_states import mark_deleting, mark_deleting_partial, mark_partial_deleted, mark_removed
from ingest.ledger.files import BATCH, LedgerFile, batches
from ingest.ledger.models import FileState
from ingest.system.failpoints import failpoint


def remove_files(context: StageContext, files: Iterable[LedgerFile]) -> None:
    """Delete all that the archive holds of the files, a batch at a time; each batch is committed as pending.

    What another system has stored under the id of a file stays, and the file gets a new id.
    """
    for batch in batches(files):
        foreign = find_foreign(context, batch)
        if foreign:
            replace_ids(context, foreign, HELD)
        own = [file for file in batch if file not in foreign]
        mark_deleting(context.lease, own)
        _delete(context, own)
        mark_removed(context.lease, own)


def finish_deletions(context: StageContext, files: Iterable[LedgerFile]) -> list[LedgerFile]:
    """Delete the files that are `deleting` once more; return all files, those with new ids and pending."""
    by_key = {file.key: file for file in files}
    by_key.update((file.key, file) for file in _delete(context, _find_deleting(by_key.values())))
    return list(by_key.values())


def delete_partial(context: StageContext, file: LedgerFile) -> None:
    """Delete the part that the archive holds of a file that is `sending`, and that is sent again under its id."""
    mark_deleting_partial(context.lease, file)
    context.services.archive.delete(file.file_id)
    mark_partial_deleted(context.lease, file)


def _delete(context: StageContext, files: list[LedgerFile]) -> list[LedgerFile]:
    """Delete files; return those that were found `deleting`, with new ids."""
    for done, file in enumerate(files):
        context.lease.report_progress(done, BATCH)
        context.services.archive.delete(file.file_id)
        failpoint("rejection.deleted", context.lease.job_id)
    found_deleting = _find_deleting(files)
    return replace_ids(context, found_deleting, DELETION_UNANSWERED) if found_deleting else []


def _find_deleting(files: Iterable[LedgerFile]) -> list[LedgerFile]:
    return [file for file in files if file.state is FileState.DELETING]
