"""Moving files that lie on the facility's storage into the archive, and putting them back.

Called by `move_files` and `ingest_metadata`, and by whatever rejects a move. The archive has no call that moves a file back,
so a hard link to each source stays beside it, under a hidden name, until the job is catalogued. The order of writes for
each file: hash the source; make sure that the archive does not hold its id; commit `sending` with its inode; link; PATCH;
ask for the size; commit `archived`. A process that dies in between leaves a file that is `sending`: the next process puts it
back first, and begins anew with it.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from ingest.archiving import Progress
from ingest.context import StageContext
from ingest.durable_files import sync_folder
from ingest.errors import InvalidSource, ServiceUnavailable
from ingest.failpoints import failpoint
from ingest.fault_codes import Fault
from ingest.faults import Faults
from ingest.file_ids import with_free_ids
from ingest.files import FileState, LedgerFile, files_in, mark
from ingest.printing import printable


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


def put_files_back(context: StageContext, files: Iterable[LedgerFile]) -> None:
    """Put sources that were moved back where they were, and remove them from the archive."""
    for file in files:
        mark(context.ledger, [file], FileState.SENDING)
        put_back(context, file)
        mark(context.ledger, [file], FileState.PENDING)
        failpoint("put_back.pending", context.ledger.job_id)


def put_back(context: StageContext, file: LedgerFile) -> None:
    """Put one source back and remove it from the archive; may be repeated after a kill at any instruction."""
    link = _hidden_link(file)
    target = _place_to_put_back(context, file)
    context.ledger.check()
    if not target.exists():
        if link.exists():
            os.link(link, target)
            failpoint("put_back.linked", context.ledger.job_id)
        elif context.services.archive.size(file.file_id) == file.size:
            _fetch(context, file, target)
        if target.parent.is_dir():
            # Before the archive lets go of what may be the only copy.
            sync_folder(target.parent)
    if link.exists() and context.services.archive.holds(file.file_id):
        _part_from_archive(context, file)
        failpoint("put_back.parted", context.ledger.job_id)
    context.ledger.check()
    context.services.archive.delete(file.file_id)
    failpoint("put_back.deleted", context.ledger.job_id)
    link.unlink(missing_ok=True)


def _part_from_archive(context: StageContext, file: LedgerFile) -> None:
    """Put an empty file in the place of the archive's, which is the same inode as the source that was put back.

    ArchiveInterface takes the rights from a file before it deletes it, and the source would be left without them.
    """
    empty = Path(file.source).with_name(f".pacifica-ingest-{file.file_id}.empty")
    empty.touch()
    failpoint("put_back.empty", context.ledger.job_id)
    context.ledger.check()
    context.services.archive.move(file.file_id, empty)


def _place_to_put_back(context: StageContext, file: LedgerFile) -> Path:
    """Give the source's place, or one beside it when somebody wrote a new file of the same name meanwhile."""
    source = Path(file.source)
    if not source.exists() or source.stat().st_ino == file.inode or _holds(source, file, context):
        return source
    beside = source.with_name(f"{source.name}.job-{context.ledger.job_id}")
    context.ledger.event("source_kept", f"{source} was written anew; what had been moved is put back at {beside}")
    return beside


def _holds(path: Path, file: LedgerFile, context: StageContext) -> bool:
    """Whether a file holds what the ledger declares."""
    if path.stat().st_size != file.size:
        return False
    with path.open("rb", buffering=0) as opened:
        return _hash_of(file, iter(lambda: opened.read(context.settings.transfer_size), b""), context) == file.hash_sum


def _hash_of(file: LedgerFile, blocks: Iterable[bytes], context: StageContext) -> str:
    """Hash blocks, and find out on the way whether the job is still ours."""
    hashed = hashlib.new(file.hash_type, usedforsecurity=False)
    done = 0
    for block in blocks:
        hashed.update(block)
        done += len(block)
        context.ledger.report(done, file.size)
    return hashed.hexdigest()


def remove_links(context: StageContext) -> None:
    """Remove the hidden links of a job that is catalogued."""
    for file in files_in(context.ledger, FileState.ARCHIVED):
        _hidden_link(file).unlink(missing_ok=True)


def _move(context: StageContext, file: LedgerFile, found: os.stat_result) -> None:
    archive, source, link, job_id = (
        context.services.archive,
        Path(file.source),
        _hidden_link(file),
        context.ledger.job_id,
    )
    mark(context.ledger, [file], FileState.SENDING, inode=found.st_ino)
    failpoint("move_files.sending", job_id)
    context.ledger.check()
    linked = _link(source, link)
    failpoint("move_files.linked", job_id)
    if _identity(source.stat(follow_symlinks=False)) != _identity(found):
        raise InvalidSource(f"source {printable(file.source)} was changed while it was read", Fault.SOURCE_CHANGED)
    context.ledger.check()
    archive.move(file.file_id, source)
    failpoint("move_files.moved", job_id)
    stored = archive.size(file.file_id)
    if stored != file.size:
        reason = f"it holds {stored} of the {file.size} bytes of {printable(file.source)}; it is moved again"
        raise ServiceUnavailable("the archive", context.settings.archiveinterface_url, reason)
    if linked and link.stat().st_mtime_ns != found.st_mtime_ns:
        raise InvalidSource(f"source {printable(file.source)} was changed while it was moved", Fault.SOURCE_CHANGED)
    failpoint("move_files.verified", job_id)
    mark(context.ledger, [file], FileState.ARCHIVED)
    failpoint("move_files.archived", job_id)


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _link(source: Path, link: Path) -> bool:
    link.unlink(missing_ok=True)
    try:
        os.link(source, link, follow_symlinks=False)
    except OSError:
        # A file system without hard links: to put the file back it is read from the archive.
        return False
    return True


def _hidden_link(file: LedgerFile) -> Path:
    source = Path(file.source)
    return source.with_name(f".pacifica-ingest-{file.file_id}")


def _fetch(context: StageContext, file: LedgerFile, target: Path) -> None:
    sibling = target.with_name(f".pacifica-ingest-{file.file_id}.part")
    with sibling.open("wb") as part:
        hash_sum = _hash_of(file, _written(context.services.archive.get(file.file_id), part), context)
        part.flush()
        os.fsync(part.fileno())
    if hash_sum != file.hash_sum:
        raise ServiceUnavailable("the archive", context.settings.archiveinterface_url, f"{file.file_id} is damaged")
    sibling.rename(target)


def _written(blocks: Iterable[bytes], part: BinaryIO) -> Iterator[bytes]:
    for block in blocks:
        part.write(block)
        yield block


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
