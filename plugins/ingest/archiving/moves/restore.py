"""Putting the source of a move back before the archive lets go of it, wherever the move was cut off.

Called by `ingest.archiving.moves.move` for a file that an older process left `sending`, and by whatever rejects a move.
What lies in the source's place is never overwritten, and nothing that only the archive holds is deleted: what cannot
have its own place gets one beside it, `<name>.job-<id>`. Each step may be repeated after a kill at any instruction.
"""

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from itertools import count, takewhile

from ingest.archiving.file_ids import DELETION_UNANSWERED, replace_ids
from ingest.archiving.moves.permissions import hides_findings, source_path
from ingest.archiving.moves.source_folder import OURS, SourceFolder, source_folder
from ingest.context import StageContext
from ingest.errors.types import InvalidSource, MoveFolderUnavailable, ServiceUnavailable
from ingest.ledger.events import EventKind
from ingest.ledger.file_states import mark_restored, mark_restoring
from ingest.ledger.files import LedgerFile, files_in
from ingest.ledger.models import FileState
from ingest.services.archive import OpenFile
from ingest.system.durable_files import write_all
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import quote_name

logger = logging.getLogger(__name__)

# Of 255 bytes that a name may have, so that something can stand behind it.
NAME_BYTES = 200


def put_files_back(context: StageContext, files: Iterable[LedgerFile]) -> None:
    """Put sources that were moved back where they were, and remove them from the archive."""
    for file in files:
        mark_restoring(context.lease, file)
        put_back(context, file)
        if file.state is FileState.SENDING:
            with_new_id(context, file)
        mark_restored(context.lease, file)


def with_new_id(context: StageContext, file: LedgerFile) -> LedgerFile:
    """Give a file that was found `sending` and was put back another id: an older process may have asked to delete it."""
    [renamed] = replace_ids(context, [file], DELETION_UNANSWERED)
    return renamed


def put_back(context: StageContext, file: LedgerFile) -> None:
    """Put one source back and remove it from the archive. Raises ServiceUnavailable, MoveFolderUnavailable."""
    context.lease.check_fence()
    held = context.services.archive.holds(file.file_id)
    try:
        with _own_folder(context, file, make=held) as folder:
            _put_back(context, file, folder, held=held)
    except InvalidSource as error:
        # Its folder leads elsewhere now, or is gone, and then with the hidden link; nothing may be written there.
        if held:
            raise _not_restored(context, file, error) from error
    except OSError as error:
        # Of the folder, whose rights or room an admin must mend: the rejection is not done before.
        place = quote_name(str(source_path(file.source).parent))
        sentence = f"what was moved to file {file.file_id} cannot be put back into {place}: {error.strerror or error}"
        raise MoveFolderUnavailable(sentence) from error


def _not_restored(context: StageContext, file: LedgerFile, error: InvalidSource) -> MoveFolderUnavailable:
    """Make the error of a source whose folder leads elsewhere, where that is nothing that its uploader may learn."""
    if not hides_findings(context.settings):
        return MoveFolderUnavailable(f"what was moved cannot be put back: {error.sentence}")
    logger.warning("job %d: what was moved cannot be restored: %s", context.lease.job_id, error.text)
    context.lease.event(EventKind.SOURCE_NOT_RESTORED, error.text)
    return MoveFolderUnavailable(
        f"what was moved cannot be restored to {quote_name(file.source)}: its folder cannot be used now"
    )


def _put_back(context: StageContext, file: LedgerFile, folder: SourceFolder, *, held: bool) -> None:
    if folder.find(hidden_aside(file)) is not None:
        # A process died while it removed the source's name: this is the source, or another file that took its place.
        give_place(context, file, folder, hidden_aside(file))
    linked = folder.find_file(hidden_link(file)) is not None
    if linked:
        give_place(context, file, folder, hidden_link(file))
        failpoint("put_back.linked", context.lease.job_id)
    if held:
        # Of a file that was verified, the link is what the archive holds. Of any other it may be what the source was once.
        if not (linked and file.state is FileState.ARCHIVED) and not _is_kept(context, file, folder):
            _fetch(context, file, folder)
        # Before the archive lets go of what may be the only copy.
        folder.sync()
        if linked:
            _part_from_archive(context, file, folder)
            failpoint("put_back.parted", context.lease.job_id)
    context.lease.check_fence()
    context.services.archive.delete(file.file_id)
    failpoint("put_back.deleted", context.lease.job_id)
    _remove_hidden(file, folder)


def _own_folder(context: StageContext, file: LedgerFile, *, make: bool = False) -> AbstractContextManager[SourceFolder]:
    user = context.lease.job.received.user
    return source_folder(context.settings, source_path(file.source), user, restoring=True, make=make)


def hidden_link(file: LedgerFile) -> str:
    """Give the hidden name of a source, as a hard link beside it, until the job is catalogued; made of its id alone."""
    return f"{OURS}{file.file_id}"


def hidden_aside(file: LedgerFile) -> str:
    """Return the hidden name of what has the source's place while `removal` removes that name."""
    return f"{hidden_link(file)}.aside"


def remove_links(context: StageContext) -> None:
    """Remove the hidden links of a job that is catalogued; raises OSError, MoveFolderUnavailable."""
    for file in files_in(context.lease, FileState.ARCHIVED):
        # A folder that is gone is gone with its links.
        with suppress(InvalidSource), _own_folder(context, file) as folder:
            _remove_hidden(file, folder)


def _places(context: StageContext, file: LedgerFile) -> Iterator[str]:
    """Give the source's own name, then those beside it."""
    name = source_path(file.source).name
    yield name
    beside = f"{os.fsdecode(os.fsencode(name)[:NAME_BYTES])}.job-{context.lease.job_id}"
    yield beside
    yield from (f"{beside}-{number}" for number in count(2))


def give_place(context: StageContext, file: LedgerFile, folder: SourceFolder, hidden: str) -> None:
    """Give a file with a hidden name the first place that is free, unless it has one already."""
    for place in _places(context, file):
        with suppress(FileExistsError):
            _name(folder, hidden, place)
            if place != source_path(file.source).name:
                source = quote_name(file.source)
                text = f"{source} was written anew; what had been moved is put back as {quote_name(place)}"
                context.lease.event(EventKind.SOURCE_KEPT, text)
            return
        if _same(folder.find(place), folder.find(hidden)):
            return


def _same(one: os.stat_result | None, other: os.stat_result | None) -> bool:
    return one is not None and other is not None and os.path.samestat(one, other)


def _name(folder: SourceFolder, hidden: str, place: str) -> None:
    """Give a hidden file a name that nothing has; raises FileExistsError."""
    try:
        folder.link(hidden, place)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links, which cannot rename without overwriting either: so it is looked at first.
        if folder.find(place) is not None:
            raise FileExistsError(place) from None
        folder.rename(hidden, place)


def _is_kept(context: StageContext, file: LedgerFile, folder: SourceFolder) -> bool:
    """Whether the bytes that the archive holds are the beginning of a file in one of the source's places.

    The beginning, because a copy into the archive that was cut off is nothing that anybody would miss.
    """
    places = takewhile(folder.find, _places(context, file))
    return any(_begins_as_archived(context, file, folder, place) for place in places if folder.find_file(place))


def _begins_as_archived(context: StageContext, file: LedgerFile, folder: SourceFolder, place: str) -> bool:
    with folder.open(place) as opened:
        return all(opened.read(len(block)) == block for block in _archived(context, file))


def _fetch(context: StageContext, file: LedgerFile, folder: SourceFolder) -> None:
    """Give what the archive holds a place; raises ServiceUnavailable when it does not give all of it.

    Only this service can read it then: what the archive took may be somebody else's (`SourceExchanged`).
    """
    part = f"{hidden_link(file)}.part"
    fetched = 0
    with folder.create(part) as opened:
        for block in _archived(context, file):
            write_all(opened, block)
            fetched += len(block)
        os.fsync(opened.fileno())
    if fetched != (size := context.services.archive.size(file.file_id)):
        reason = f"it gave {fetched} of the {size} bytes of file {file.file_id}"
        raise ServiceUnavailable("the archive", context.settings.archiveinterface_url, reason)
    give_place(context, file, folder, part)


def _archived(context: StageContext, file: LedgerFile) -> Iterator[bytes]:
    """Give what the archive holds, and find out on the way whether the job is still ours."""
    done = 0
    for block in context.services.archive.get(file.file_id):
        done += len(block)
        context.lease.report_progress(done, max(done, file.size))
        yield block


def _part_from_archive(context: StageContext, file: LedgerFile, folder: SourceFolder) -> None:
    """Put an empty file in the place of the archive's, which is the same inode as the source that was put back.

    ArchiveInterface takes the rights from a file before it deletes it, and the source would be left without them.
    """
    name = f"{hidden_link(file)}.empty"
    with folder.create(name) as empty:
        failpoint("put_back.empty", context.lease.job_id)
        context.lease.check_fence()
        context.services.archive.move(file.file_id, OpenFile(source_path(file.source).with_name(name), empty))


def _remove_hidden(file: LedgerFile, folder: SourceFolder) -> None:
    link = hidden_link(file)
    for hidden in (f"{link}.part", f"{link}.empty", hidden_aside(file), link):
        folder.remove(hidden)
