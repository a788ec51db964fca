"""Putting the source of a move back before the archive lets go of it, wherever the move was cut off.

Called by `ingest.moving` for a file that an older process left `sending`, and by whatever rejects a move. What lies in the
source's place is never overwritten, and nothing that only the archive holds is deleted: what cannot have its own place
gets one beside it, `<name>.job-<id>`. Each step may be repeated after a kill at any instruction.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count, takewhile
from pathlib import Path

from ingest.context import StageContext
from ingest.durable_files import make_folder, sync_folder
from ingest.errors import ServiceUnavailable
from ingest.failpoints import failpoint
from ingest.files import FileState, LedgerFile, files_in, mark

# Of 255 bytes that a name may have, so that something can stand behind it.
NAME_BYTES = 200


def put_files_back(context: StageContext, files: Iterable[LedgerFile]) -> None:
    """Put sources that were moved back where they were, and remove them from the archive."""
    for file in files:
        mark(context.ledger, [file], FileState.SENDING)
        put_back(context, file)
        mark(context.ledger, [file], FileState.PENDING)
        failpoint("put_back.pending", context.ledger.job_id)


def put_back(context: StageContext, file: LedgerFile) -> None:
    """Put one source back and remove it from the archive. Raises ServiceUnavailable."""
    context.ledger.check()
    linked = is_file(hidden_link(file))
    if linked:
        _give_place(context, file, hidden_link(file))
        failpoint("put_back.linked", context.ledger.job_id)
    if context.services.archive.holds(file.file_id):
        # Of a file that was verified, the link is what the archive holds. Of any other it may be what the source was once.
        if not (linked and file.state is FileState.ARCHIVED) and not _is_kept(context, file):
            _fetch(context, file)
        # Before the archive lets go of what may be the only copy.
        sync_folder(Path(file.source).parent)
        if linked:
            _part_from_archive(context, file)
            failpoint("put_back.parted", context.ledger.job_id)
    context.ledger.check()
    context.services.archive.delete(file.file_id)
    failpoint("put_back.deleted", context.ledger.job_id)
    _remove_hidden(file)


def hidden_link(file: LedgerFile) -> Path:
    """Give the hidden name of a source, as a hard link beside it, until the job is catalogued."""
    return Path(file.source).with_name(f".pacifica-ingest-{file.file_id}")


def remove_links(context: StageContext) -> None:
    """Remove the hidden links of a job that is catalogued."""
    for file in files_in(context.ledger, FileState.ARCHIVED):
        _remove_hidden(file)


def is_file(path: Path) -> bool:
    """Whether a path names a regular file itself, not by a symbolic link."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _places(context: StageContext, file: LedgerFile) -> Iterator[Path]:
    """Give the source's own place, then those beside it."""
    source = Path(file.source)
    yield source
    beside = f"{os.fsdecode(os.fsencode(source.name)[:NAME_BYTES])}.job-{context.ledger.job_id}"
    yield source.with_name(beside)
    yield from (source.with_name(f"{beside}-{number}") for number in count(2))


def _give_place(context: StageContext, file: LedgerFile, hidden: Path) -> None:
    """Give a file with a hidden name the first place that is free, unless it has one already."""
    for place in _places(context, file):
        with suppress(FileExistsError):
            _name(hidden, place)
            if place != Path(file.source):
                text = f"{file.source} was written anew; what had been moved is put back at {place}"
                context.ledger.event("source_kept", text)
            return
        if os.path.samestat(place.lstat(), hidden.lstat()):
            return


def _name(hidden: Path, place: Path) -> None:
    """Give a hidden file a name that nothing has; raises FileExistsError."""
    try:
        os.link(hidden, place, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links, which cannot rename without overwriting either: so it is looked at first.
        if os.path.lexists(place):
            raise FileExistsError(place) from None
        hidden.rename(place)


def _is_kept(context: StageContext, file: LedgerFile) -> bool:
    """Whether the bytes that the archive holds are the beginning of a file in one of the source's places.

    The beginning, because a copy into the archive that was cut off is nothing that anybody would miss.
    """
    places = takewhile(os.path.lexists, _places(context, file))
    return any(is_file(place) and _begins_as_archived(context, file, place) for place in places)


def _begins_as_archived(context: StageContext, file: LedgerFile, place: Path) -> bool:
    with place.open("rb") as opened:
        return all(opened.read(len(block)) == block for block in _archived(context, file))


def _fetch(context: StageContext, file: LedgerFile) -> None:
    """Give what the archive holds a place; raises ServiceUnavailable when it does not give all of it."""
    part = _hidden_part(file)
    make_folder(part.parent)
    part.unlink(missing_ok=True)
    with part.open("xb") as opened:
        for block in _archived(context, file):
            opened.write(block)
        opened.flush()
        os.fsync(opened.fileno())
        fetched = opened.tell()
    if fetched != (size := context.services.archive.size(file.file_id)):
        reason = f"it gave {fetched} of the {size} bytes of file {file.file_id}"
        raise ServiceUnavailable("the archive", context.settings.archiveinterface_url, reason)
    _give_place(context, file, part)


def _archived(context: StageContext, file: LedgerFile) -> Iterator[bytes]:
    """Give what the archive holds, and find out on the way whether the job is still ours."""
    done = 0
    for block in context.services.archive.get(file.file_id):
        done += len(block)
        context.ledger.report(done, max(done, file.size))
        yield block


def _part_from_archive(context: StageContext, file: LedgerFile) -> None:
    """Put an empty file in the place of the archive's, which is the same inode as the source that was put back.

    ArchiveInterface takes the rights from a file before it deletes it, and the source would be left without them.
    """
    empty = _hidden_empty(file)
    empty.unlink(missing_ok=True)
    empty.open("xb").close()
    failpoint("put_back.empty", context.ledger.job_id)
    context.ledger.check()
    context.services.archive.move(file.file_id, empty)


def _remove_hidden(file: LedgerFile) -> None:
    for hidden in (_hidden_part(file), _hidden_empty(file), hidden_link(file)):
        hidden.unlink(missing_ok=True)


def _hidden_part(file: LedgerFile) -> Path:
    link = hidden_link(file)
    return link.with_name(f"{link.name}.part")


def _hidden_empty(file: LedgerFile) -> Path:
    link = hidden_link(file)
    return link.with_name(f"{link.name}.empty")
