"""Moving files that lie on the facility's storage into the archive.

Called by `move_files` and `ingest_metadata`. The archive has no call that moves a file back, so a hard link to each source
stays beside it, under a hidden name, until the job is catalogued. The order of writes for each file: hash the source; make
sure that the archive does not hold its id; commit `sending` with its inode; link; PATCH; make sure that the archive holds
what was hashed; commit `archived`. A process that dies in between leaves a file that is `sending`: the next process puts it
back first (`ingest.putting_back`), and begins anew with it.
"""

import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path

from ingest.archiving import Progress
from ingest.context import StageContext
from ingest.errors import InvalidSource, ServiceUnavailable
from ingest.failpoints import failpoint
from ingest.fault_codes import Fault
from ingest.faults import Faults
from ingest.file_ids import with_free_ids
from ingest.files import FileState, LedgerFile, files_in, mark
from ingest.printing import printable
from ingest.putting_back import hidden_link, put_back


def send_sources(context: StageContext) -> None:
    """Move every source that is not archived yet; raises InvalidSource with all that cannot be taken.

    After the first such source the others are only checked, so that the uploader learns of all of them.
    """
    faults = Faults()
    progress = Progress(context.ledger)
    for file in files_in(context.ledger, FileState.PENDING, FileState.SENDING):
        if file.state is FileState.SENDING:
            put_back(context, file)
        try:
            found = _checked_source(context, file, progress)
        except InvalidSource as error:
            faults.take(error)
            continue
        if not faults:
            # Also of one that was `sending`: it was put back, and the archive has nothing of it.
            [free] = with_free_ids(context, [replace(file, state=FileState.PENDING)])
            _move(context, free, found)
    faults.raise_as(InvalidSource)


def _move(context: StageContext, file: LedgerFile, found: os.stat_result) -> None:
    source, job_id = Path(file.source), context.ledger.job_id
    mark(context.ledger, [file], FileState.SENDING, inode=found.st_ino)
    failpoint("move_files.sending", job_id)
    context.ledger.check()
    _link(source, hidden_link(file))
    failpoint("move_files.linked", job_id)
    if not _is_still(source, found):
        raise _changed(file)
    context.ledger.check()
    context.services.archive.move(file.file_id, source)
    failpoint("move_files.moved", job_id)
    _verify(context, file, found)
    failpoint("move_files.verified", job_id)
    mark(context.ledger, [file], FileState.ARCHIVED)
    failpoint("move_files.archived", job_id)


def _verify(context: StageContext, file: LedgerFile, found: os.stat_result) -> None:
    """Make sure that the archive holds what was hashed; raises ServiceUnavailable, InvalidSource."""
    archive = context.services.archive
    stored = archive.size(file.file_id)
    if stored != file.size:
        reason = f"it holds {stored} of the {file.size} bytes of {printable(file.source)}; it is moved again"
        raise ServiceUnavailable("the archive", context.settings.archiveinterface_url, reason)
    if not _is_also_archived(hidden_link(file), found) and _hash_of(context, file) != file.hash_sum:
        raise _changed(file)


def _is_also_archived(link: Path, found: os.stat_result) -> bool:
    """Whether the hidden link is the very file that was hashed, and is what the archive holds, too.

    A move within a device renames the file, which then has one name more than before. What was copied from one device to
    another, or was put in the source's place at the last moment, has to be read.
    """
    return _is_still(link, found) and link.lstat().st_nlink == found.st_nlink + 1


def _is_still(path: Path, found: os.stat_result) -> bool:
    try:
        return _identity(path.lstat()) == _identity(found)
    except OSError:
        return False


def _hash_of(context: StageContext, file: LedgerFile) -> str:
    """Hash what the archive holds, and find out on the way whether the job is still ours."""
    hashed = hashlib.new(file.hash_type, usedforsecurity=False)
    for block in context.services.archive.get(file.file_id):
        hashed.update(block)
        context.ledger.check()
    return hashed.hexdigest()


def _changed(file: LedgerFile) -> InvalidSource:
    text = f"source {printable(file.source)} was changed while it was moved; move it when nobody writes to it any more"
    return InvalidSource(text, Fault.SOURCE_CHANGED)


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _link(source: Path, link: Path) -> None:
    """Keep the source under a hidden name; where that is not possible, it is read from the archive to put it back."""
    link.unlink(missing_ok=True)
    with suppress(OSError):
        os.link(source, link, follow_symlinks=False)


def _checked_source(context: StageContext, file: LedgerFile, progress: Progress) -> os.stat_result:
    """Check that a source may be taken and is what the metadata declares; raises InvalidSource."""
    source, shown = Path(file.source), printable(file.source)
    folders = [folder.resolve() for folder in context.settings.move_folders]
    if not any(source.parent.resolve().is_relative_to(folder) for folder in folders):
        sentence = f"source {shown} lies in none of the folders that files may be moved from"
        raise InvalidSource(sentence, Fault.SOURCE_OUTSIDE_FOLDERS)
    try:
        with os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb", buffering=0) as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise InvalidSource(f"source {shown} is not a regular file", Fault.SOURCE_NOT_REGULAR)
            _check_content(context, file, opened, found.st_size, progress)
    except OSError as error:
        raise InvalidSource(f"source {shown} cannot be read: {error.strerror}", Fault.SOURCE_UNREADABLE) from error
    return found


def _check_content(context: StageContext, file: LedgerFile, opened: FileIO, size: int, progress: Progress) -> None:
    shown = printable(file.source)
    if size != file.size:
        sentence = f"source {shown} has {size} bytes, the metadata declares {file.size}"
        raise InvalidSource(sentence, Fault.SIZE_DIFFERS)
    hashed = hashlib.new(file.hash_type, usedforsecurity=False)
    while block := opened.read(context.settings.transfer_size):
        failpoint("move_files.reading", context.ledger.job_id)
        hashed.update(block)
        progress.add(len(block))
    if hashed.hexdigest() != file.hash_sum:
        declared = f"the metadata declares {file.hash_sum}"
        sentence = f"source {shown} has the {file.hash_type} {hashed.hexdigest()}, {declared}"
        raise InvalidSource(sentence, Fault.HASH_DIFFERS)
