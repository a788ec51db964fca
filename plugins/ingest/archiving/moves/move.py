"""Moving files that lie on the facility's storage into the archive.

Called by `move_files` and `ingest_metadata`. The archive has no call that moves a file back, so a hard link to each
source stays beside it, under a hidden name, until the job is catalogued. The order of writes for each file: hash the
source; make sure that the archive does not hold its id; commit `sending` with its inode; link; hand the open file to
the archive; make sure that the archive holds what was hashed; remove the source's name; commit `archived`. A process
that dies in between leaves a file that is `sending`: the next process restores it first
(`ingest.archiving.moves.restore`), and starts again with it.

Another account may exchange a source, or its folder, at any moment. So nothing is used by its path after it was checked: the
file that was hashed is held open, and linked by its descriptor; its name is removed in the folder that is held open.
"""

import errno
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from ingest.archiving.file_ids import replace_ids_in_use
from ingest.archiving.fixity import stored_hash
from ingest.archiving.moves.folder_rights import check_removable
from ingest.archiving.moves.permissions import hides_findings, source_path
from ingest.archiving.moves.removal import remove_source
from ingest.archiving.moves.restore import hidden_link, put_back, with_new_id
from ingest.archiving.moves.source_faults import SourceFaults
from ingest.archiving.moves.source_folder import SourceFolder, open_source, source_folder, unreadable
from ingest.archiving.progress import Progress
from ingest.context import StageContext
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidSource, MoveFolderUnavailable, ServiceUnavailable, SourceExchanged
from ingest.ledger.file_states import mark_moved, mark_moving
from ingest.ledger.files import LedgerFile, files_in
from ingest.ledger.models import FileState
from ingest.services.archive import OpenFile
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import quote_name

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A source that was checked: its folder and itself, both held open, and what was found of it then."""

    path: Path
    folder: SourceFolder
    opened: FileIO
    found: os.stat_result


def send_sources(context: StageContext) -> None:
    """Move every source that is not archived yet; raises InvalidSource with all that cannot be taken.

    After the first such source the others are only checked, so that the uploader learns of all of them. Raises
    SourceExchanged, ServiceUnavailable, MoveFolderUnavailable.
    """
    faults = SourceFaults(context)
    progress = Progress(context.lease)
    for file in files_in(context.lease, FileState.PENDING, FileState.SENDING):
        if file.state is FileState.SENDING:
            put_back(context, file)
            file = with_new_id(context, file)  # noqa: PLW2901 - it is the same one
        try:
            with _checked_source(context, file, progress) as source:
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
    names = source.found.st_nlink + _link(source, hidden_link(file))
    failpoint("move_files.linked", job_id)
    if not _is_still(source.folder.find(source.path.name), source):
        raise _changed(file)
    context.lease.check_fence()
    context.services.archive.move(file.file_id, OpenFile(source.path, source.opened))
    failpoint("move_files.moved", job_id)
    _verify(context, file, source, names)
    failpoint("move_files.verified", job_id)
    _remove(context, file, source)
    failpoint("move_files.removed", job_id)
    mark_moved(context.lease, file)


def _remove(context: StageContext, file: LedgerFile, source: Source) -> None:
    try:
        remove_source(context, file, source.folder, source.opened)
    except OSError as error:
        raise _unwritable(source, error) from error


def _verify(context: StageContext, file: LedgerFile, source: Source, names: int) -> None:
    """Make sure that the archive holds what was hashed; raises SourceExchanged, ServiceUnavailable, InvalidSource.

    `names` is how many the source had before the archive took it.
    """
    archive = context.services.archive
    beginning = next(archive.get(file.file_id), b"")
    if beginning != os.pread(source.opened.fileno(), len(beginning) or 1, 0):
        raise SourceExchanged(
            f"the archive took another file than the one that was checked: somebody exchanged {quote_name(file.source)} "
            f"at that moment; the archive holds it as file {file.file_id}"
        )
    stored = archive.size(file.file_id)
    if stored != file.size:
        # How much it holds may be the size of another file.
        logger.warning("the archive holds %s of the %d bytes of file %d", stored, file.size, file.file_id)
        reason = f"it does not hold the {file.size} bytes of {quote_name(file.source)}; it is moved again"
        raise ServiceUnavailable("the archive", context.settings.archiveinterface_url, reason)
    if _is_also_archived(source, names):
        return
    if stored_hash(archive, file, lambda _size: context.lease.check_fence()) != file.hash_sum:
        raise _changed(file)


def _is_also_archived(source: Source, names: int) -> bool:
    """Whether the file that was hashed is unchanged, and is what the archive holds, too.

    An archive on the same device links the file, which then has one name more than before. What was copied has to be read.
    """
    now = os.fstat(source.opened.fileno())
    return _is_still(now, source) and now.st_nlink == names + 1


def _is_still(now: os.stat_result | None, source: Source) -> bool:
    return now is not None and _identity(now) == _identity(source.found)


def _changed(file: LedgerFile) -> InvalidSource:
    text = f"source {quote_name(file.source)} was changed while it was moved; move it when nobody writes to it any more"
    return InvalidSource(text, FaultCode.SOURCE_CHANGED)


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _link(source: Source, hidden: str) -> bool:
    """Keep the source under a hidden name; where that is not possible, it is read from the archive to restore it.

    Return whether it has that name. Raises MoveFolderUnavailable where nothing in its folder can be changed.
    """
    try:
        source.folder.remove(hidden)
        source.folder.link_file(source.opened, hidden)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EROFS):
            raise _unwritable(source, error) from error
        return False
    return True


def _unwritable(source: Source, error: OSError) -> MoveFolderUnavailable:
    owner = os.fstat(source.folder.descriptor).st_uid
    return MoveFolderUnavailable(
        f"source {quote_name(str(source.path))} cannot be taken out of its folder, which belongs to account {owner}; this "
        f"service is account {os.geteuid()}: {error.strerror or error}"
    )


@contextmanager
def _checked_source(context: StageContext, file: LedgerFile, progress: Progress) -> Iterator[Source]:
    """Hold a source open that may be taken and is as declared; raises InvalidSource, MoveFolderUnavailable."""
    path, user = source_path(file.source), context.lease.job.received.user
    with source_folder(context.settings, path, user) as folder, _opened(folder, path) as opened:
        found = os.fstat(opened.fileno())
        check_removable(folder, path, found)
        try:
            _check_content(context, file, opened, found.st_size, progress)
        except OSError as error:
            raise unreadable(path, error) from error
        yield Source(path, folder, opened, found)


def _opened(folder: SourceFolder, path: Path) -> FileIO:
    try:
        return open_source(folder, path)
    except OSError as error:
        raise unreadable(path, error) from error


def _check_content(context: StageContext, file: LedgerFile, opened: FileIO, size: int, progress: Progress) -> None:
    shown = quote_name(file.source)
    if size != file.size:
        sentence = f"source {shown} has {size} bytes, the metadata declares {file.size}"
        raise InvalidSource(sentence, FaultCode.SIZE_DIFFERS)
    hashed = hashlib.new(file.hash_type, usedforsecurity=False)
    # Bytes that count as they are read would say that a file of the declared size is there.
    counted = not hides_findings(context.settings)
    while block := opened.read(context.settings.transfer_size):
        failpoint("move_files.reading", context.lease.job_id)
        hashed.update(block)
        progress.add(len(block) if counted else 0)
    if hashed.hexdigest() != file.hash_sum:
        declared = f"the metadata declares {file.hash_sum}"
        sentence = f"source {shown} has the {file.hash_type} {hashed.hexdigest()}, {declared}"
        raise InvalidSource(sentence, FaultCode.HASH_DIFFERS)
    progress.add(0 if counted else size)
