"""Restores the sources of a move, then deletes them from the archive, whichever step the move had reached.

Called by `move` for a file that an older process left `sending`, and by `ingest.archiving.rejection`. A new file with the
source's name is never overwritten; the source is restored beside it, as `<name>.job-<id>`. Each step may be repeated after
a kill at any instruction.
"""

import logging
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress

from ingest.archiving.file_ids import DELETION_UNANSWERED, replace_ids
from ingest.archiving.moves.archived_copy import fetch, is_kept, replace_by_empty
from ingest.archiving.moves.hidden_names import hidden_aside, hidden_link, remove_hidden
from ingest.archiving.moves.permissions import hides_findings, source_path
from ingest.archiving.moves.source_folder import SourceFolder
from ingest.archiving.moves.source_location import open_source_folder
from ingest.archiving.moves.source_names import restore_name
from ingest.context import StageContext
from ingest.errors.types import InvalidSource, MoveFolderUnavailable
from ingest.ledger.events import EventKind
from ingest.ledger.file_states import mark_restored, mark_restoring
from ingest.ledger.files import LedgerFile, files_in
from ingest.ledger.models import FileState
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import quote_name

logger = logging.getLogger(__name__)


def restore_sources(context: StageContext, files: Iterable[LedgerFile]) -> None:
    """Restore sources that were moved, and delete them from the archive."""
    for file in files:
        mark_restoring(context.lease, file)
        restore_source(context, file)
        if file.state is FileState.SENDING:
            assign_new_id(context, file)
        mark_restored(context.lease, file)


def assign_new_id(context: StageContext, file: LedgerFile) -> LedgerFile:
    """Assign a new id to a restored file that was `sending`, because an older process's DELETE may still be under way."""
    [renamed] = replace_ids(context, [file], DELETION_UNANSWERED)
    return renamed


def restore_source(context: StageContext, file: LedgerFile) -> None:
    """Restore one source and delete it from the archive. Raises ServiceUnavailable, MoveFolderUnavailable."""
    context.lease.check_fence()
    is_archived = context.services.archive.holds(file.file_id)
    try:
        with _own_folder(context, file, create=is_archived) as folder:
            _restore(context, file, folder, is_archived=is_archived)
    except InvalidSource as error:
        # The folder is a link to elsewhere now, where nothing may be written; or it is gone, and the hidden link with it.
        if is_archived:
            raise _not_restored(context, file, error) from error
    except OSError as error:
        # An admin has to fix the rights or the free space of the folder; until then the rejection waits.
        folder_name = quote_name(str(source_path(file.source).parent))
        reason = error.strerror or error
        sentence = f"the source of file {file.file_id} cannot be restored to {folder_name}: {reason}"
        raise MoveFolderUnavailable(sentence) from error


def remove_links(context: StageContext) -> None:
    """Remove the hidden links of a job that is cataloged; raises OSError, MoveFolderUnavailable."""
    for file in files_in(context.lease, FileState.ARCHIVED):
        # If the folder is gone, so are its links.
        with suppress(InvalidSource), _own_folder(context, file) as folder:
            remove_hidden(file, folder)


def _restore(context: StageContext, file: LedgerFile, folder: SourceFolder, *, is_archived: bool) -> None:
    if folder.find(hidden_aside(file)) is not None:
        # A process died while it removed the source's name: this is the source, or another file that got its name.
        restore_name(context, file, folder, hidden_aside(file))
    is_linked = folder.find_file(hidden_link(file)) is not None
    if is_linked:
        restore_name(context, file, folder, hidden_link(file))
        failpoint("put_back.linked", context.lease.job_id)
    if is_archived:
        # The link of a verified file is the file in the archive. That of any other may be an older version of the source.
        if not (is_linked and file.state is FileState.ARCHIVED) and not is_kept(context, file, folder):
            fetch(context, file, folder)
        # Before the deletion of the archive's file, which may be the only durable copy.
        folder.sync()
        if is_linked:
            replace_by_empty(context, file, folder)
            failpoint("put_back.parted", context.lease.job_id)
    context.lease.check_fence()
    context.services.archive.delete(file.file_id)
    failpoint("put_back.deleted", context.lease.job_id)
    remove_hidden(file, folder)


def _own_folder(
    context: StageContext, file: LedgerFile, *, create: bool = False
) -> AbstractContextManager[SourceFolder]:
    user = context.lease.job.received.user
    return open_source_folder(context.settings, source_path(file.source), user, restoring=True, create=create)


def _not_restored(context: StageContext, file: LedgerFile, error: InvalidSource) -> MoveFolderUnavailable:
    """Return the error for a source whose folder leads elsewhere; where findings are hidden, only the log says why."""
    if not hides_findings(context.settings):
        return MoveFolderUnavailable(f"a source that was moved cannot be restored: {error.sentence}")
    logger.warning("job %d: a source that was moved cannot be restored: %s", context.lease.job_id, error.text)
    context.lease.event(EventKind.SOURCE_NOT_RESTORED, error.text)
    return MoveFolderUnavailable(
        f"the source {quote_name(file.source)} cannot be restored: its folder cannot be used now"
    )
