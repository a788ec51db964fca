"""Removing files of a job from the archive, so that no request of ours that comes late takes what is sent afterwards.

Called before a file is sent again of which the archive holds a part, and by whatever removes a job. A request that was never
answered may lie in the queue of a busy archive and be done much later, when another of its processes has long done the
same. So `deleting` is committed before each DELETE. Who finds a file `deleting` deletes it again, and gives it a new id: the
late one finds nothing of ours. Only the process that had the answer sends under the same id.
"""

from collections.abc import Iterable

from ingest.archiving.file_ids import UNANSWERED, replace_ids
from ingest.context import StageContext
from ingest.ledger.files import BATCH, FileState, LedgerFile, batches, mark, mark_removed
from ingest.system.failpoints import failpoint


def remove_files(context: StageContext, files: Iterable[LedgerFile]) -> None:
    """Delete what the archive holds of files of the job, a batch at a time, each batch committed as pending again."""
    for batch in batches(files):
        mark(context.lease, batch, FileState.DELETING)
        failpoint("rejection.deleting", context.lease.job_id)
        _delete(context, batch)
        mark_removed(context.lease, batch)
        failpoint("rejection.batch_removed", context.lease.job_id)


def finish_deletions(context: StageContext, files: Iterable[LedgerFile]) -> list[LedgerFile]:
    """Give the files back, those that were `deleting` pending, with new ids."""
    known = {file.key: file for file in files}
    known.update((file.key, file) for file in _delete(context, _found_deleting(known.values())))
    return list(known.values())


def delete_part(context: StageContext, file: LedgerFile) -> None:
    """Delete what the archive holds of a file that is `sending`, which is sent again under its id."""
    mark(context.lease, [file], FileState.DELETING)
    failpoint("ingest_files.deleting", context.lease.job_id)
    context.services.archive.delete(file.file_id)
    failpoint("ingest_files.deleted", context.lease.job_id)
    mark(context.lease, [file], FileState.SENDING)


def _delete(context: StageContext, files: list[LedgerFile]) -> list[LedgerFile]:
    """Delete files; gives those with new ids that had been found `deleting`."""
    for done, file in enumerate(files):
        context.lease.report(done, BATCH)
        context.services.archive.delete(file.file_id)
        failpoint("rejection.deleted", context.lease.job_id)
    again = _found_deleting(files)
    return replace_ids(context, again, UNANSWERED) if again else []


def _found_deleting(files: Iterable[LedgerFile]) -> list[LedgerFile]:
    return [file for file in files if file.state is FileState.DELETING]
