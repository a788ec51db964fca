"""Moves sources into the archive.

Called by the stages `move_files` and `ingest_metadata`. The archive cannot move a file back, so a hard link to each source
stays beside it under a hidden name until the job is cataloged. The order of writes for each source:

1. Check and hash the source (`checked_source`), and make sure that the archive does not hold its file id.
2. Commit `sending` with the source's inode.
3. Link the source to its hidden name.
4. Hand the open file to the archive.
5. Verify that the archive holds the file that was checked (`verification`).
6. Remove the source's name (`removal`).
7. Commit `archived`.

A process that dies in between leaves a file that is `sending`. The next process restores its source (`restore`) and starts
again with it.
"""

import errno
import os

from ingest.archiving.file_ids import replace_ids_in_use
from ingest.archiving.moves.checked_source import Source, checked_source, source_changed
from ingest.archiving.moves.hidden_names import hidden_link
from ingest.archiving.moves.removal import remove_source
from ingest.archiving.moves.restore import assign_new_id, restore_source
from ingest.archiving.moves.source_faults import SourceFaults
from ingest.archiving.moves.verification import verify_archived
from ingest.archiving.progress import Progress
from ingest.context import StageContext
from ingest.errors.types import InvalidSource, MoveFolderUnavailable
from ingest.ledger.file_states import mark_moved, mark_moving
from ingest.ledger.files import LedgerFile, files_in
from ingest.ledger.models import FileState
from ingest.services.archive import OpenFile
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import quote_name


def send_sources(context: StageContext) -> None:
    """Move every source that is not archived yet.

    After the first source that cannot be moved, the others are only checked, so that the uploader learns about all of them.
    Raises InvalidSource with all faults, SourceExchanged, ServiceUnavailable, MoveFolderUnavailable.
    """
    faults = SourceFaults(context)
    progress = Progress(context.lease)
    for file in files_in(context.lease, FileState.PENDING, FileState.SENDING):
        if file.state is FileState.SENDING:
            restore_source(context, file)
            file = assign_new_id(context, file)  # noqa: PLW2901 - the same file, with its new id
        try:
            with checked_source(context, file, progress) as source:
                if not faults:
                    [free] = replace_ids_in_use(context, [file])
                    _move(context, free, source)
        except InvalidSource as error:
            faults.take(file, error)
    faults.raise_all()


def _move(context: StageContext, file: LedgerFile, source: Source) -> None:
    job_id = context.lease.job_id
    mark_moving(context.lease, file, source.found.st_ino)
    context.lease.check_fence()
    link_count = source.found.st_nlink + _link(source, hidden_link(file))
    failpoint("move_files.linked", job_id)
    if not source.is_unchanged(source.folder.find(source.path.name)):
        raise source_changed(file)
    context.lease.check_fence()
    context.services.archive.move(file.file_id, OpenFile(source.path, source.opened))
    failpoint("move_files.moved", job_id)
    verify_archived(context, file, source, link_count)
    failpoint("move_files.verified", job_id)
    _remove(context, file, source)
    failpoint("move_files.removed", job_id)
    mark_moved(context.lease, file)


def _link(source: Source, hidden: str) -> bool:
    """Link a source to its hidden name; return False if that is impossible, so that it is restored from the archive.

    Raises MoveFolderUnavailable if this service may not write in the folder.
    """
    try:
        source.folder.remove(hidden)
        source.folder.link_file(source.opened, hidden)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EROFS):
            raise _unwritable(source, error) from error
        return False
    return True


def _remove(context: StageContext, file: LedgerFile, source: Source) -> None:
    try:
        remove_source(context, file, source.folder, source.opened)
    except OSError as error:
        raise _unwritable(source, error) from error


def _unwritable(source: Source, error: OSError) -> MoveFolderUnavailable:
    owner = os.fstat(source.folder.descriptor).st_uid
    return MoveFolderUnavailable(
        f"source {quote_name(str(source.path))} cannot be taken out of its folder, which belongs to account {owner}; this "
        f"service is account {os.geteuid()}: {error.strerror or error}"
    )
