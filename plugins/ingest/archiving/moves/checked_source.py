"""Check a source and hold it open, so that no other file than the checked one is moved.

Called by `move`. Nothing is used by its path after the check: the file is linked and read by its descriptor, and its name is
removed in the folder that is held open.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from ingest.archiving.moves.folder_rights import check_removable
from ingest.archiving.moves.permissions import hides_findings, source_path
from ingest.archiving.moves.source_folder import SourceFolder, open_source, unreadable
from ingest.archiving.moves.source_location import open_source_folder
from ingest.archiving.progress import Progress
from ingest.context import StageContext
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidSource
from ingest.ledger.files import LedgerFile
from ingest.system.failpoints import failpoint
from ingest.system.sanitize import quote_name


@dataclass(frozen=True)
class Source:
    """A checked source: its folder and the file, both held open, and the status of the file at the check."""

    path: Path
    folder: SourceFolder
    opened: FileIO
    found: os.stat_result

    def is_unchanged(self, now: os.stat_result | None) -> bool:
        """Return whether a status is that of the file that was checked, with the same size and time of modification."""
        return now is not None and _identity(now) == _identity(self.found)


@contextmanager
def checked_source(context: StageContext, file: LedgerFile, progress: Progress) -> Iterator[Source]:
    """Check a source and hold it open; raises InvalidSource, MoveFolderUnavailable."""
    path, user = source_path(file.source), context.lease.job.received.user
    with open_source_folder(context.settings, path, user) as folder, _opened(folder, path) as opened:
        found = os.fstat(opened.fileno())
        check_removable(folder, path, found)
        try:
            _check_content(context, file, opened, found.st_size, progress)
        except OSError as error:
            raise unreadable(path, error) from error
        yield Source(path, folder, opened, found)


def source_changed(file: LedgerFile) -> InvalidSource:
    """Return the error for a source that was changed after its check."""
    text = f"source {quote_name(file.source)} was changed while it was moved; move it when no process writes to it any more"
    return InvalidSource(text, FaultCode.SOURCE_CHANGED)


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _opened(folder: SourceFolder, path: Path) -> FileIO:
    try:
        return open_source(folder, path)
    except OSError as error:
        raise unreadable(path, error) from error


def _check_content(context: StageContext, file: LedgerFile, opened: FileIO, size: int, progress: Progress) -> None:
    """Compare size and hash of an open source with the metadata; raises InvalidSource, OSError."""
    quoted = quote_name(file.source)
    if size != file.size:
        sentence = f"source {quoted} has {size} bytes, the metadata declares {file.size}"
        raise InvalidSource(sentence, FaultCode.SIZE_DIFFERS)
    hashed = hashlib.new(file.hash_type, usedforsecurity=False)
    # Progress while the file is read would reveal that a file of the declared size exists.
    shows_progress = not hides_findings(context.settings)
    while block := opened.read(context.settings.transfer_size):
        failpoint("move_files.reading", context.lease.job_id)
        hashed.update(block)
        progress.add(len(block) if shows_progress else 0)
    if hashed.hexdigest() != file.hash_sum:
        declared = f"the metadata declares {file.hash_sum}"
        sentence = f"source {quoted} has the {file.hash_type} {hashed.hexdigest()}, {declared}"
        raise InvalidSource(sentence, FaultCode.HASH_DIFFERS)
    progress.add(0 if shows_progress else size)
