"""Handles the archive's copy of a source while the source is restored.

Called by `restore`. The copy is deleted from the archive only if its bytes are in the source's folder.
"""

import os
from collections.abc import Iterator
from itertools import takewhile

from ingest.archiving.moves.hidden_names import hidden_empty, hidden_part
from ingest.archiving.moves.permissions import source_path
from ingest.archiving.moves.source_folder import SourceFolder
from ingest.archiving.moves.source_names import possible_names, restore_name
from ingest.context import StageContext
from ingest.errors.types import ServiceUnavailable
from ingest.ledger.files import LedgerFile
from ingest.services.archive import OpenFile
from ingest.system.durable_files import write_all
from ingest.system.failpoints import failpoint


def is_kept(context: StageContext, file: LedgerFile, folder: SourceFolder) -> bool:
    """Return whether a file under one of the source's possible names begins with the bytes that the archive holds.

    The beginning is enough: a copy into the archive that was cut off contains nothing that could be lost.
    """
    names = takewhile(folder.find, possible_names(context, file))
    return any(_begins_as_archived(context, file, folder, name) for name in names if folder.find_file(name))


def fetch(context: StageContext, file: LedgerFile, folder: SourceFolder) -> None:
    """Copy the archive's file into the source's folder; raises ServiceUnavailable if the archive does not send all of it.

    Only this service can read the copy: the archive may have taken another user's file (`SourceExchanged`).
    """
    part = hidden_part(file)
    fetched = 0
    with folder.create(part) as opened:
        for block in _read_archived(context, file):
            write_all(opened, block)
            fetched += len(block)
        os.fsync(opened.fileno())
    if fetched != (size := context.services.archive.size(file.file_id)):
        reason = f"it sent {fetched} of the {size} bytes of file {file.file_id}"
        raise ServiceUnavailable("the archive", context.settings.archiveinterface_url, reason)
    restore_name(context, file, folder, part)


def replace_by_empty(context: StageContext, file: LedgerFile, folder: SourceFolder) -> None:
    """Replace the archive's file by an empty one, because the restored source is the same inode.

    ArchiveInterface removes the permissions of a file before it deletes it, and the source would lose them too.
    """
    name = hidden_empty(file)
    with folder.create(name) as empty:
        failpoint("put_back.empty", context.lease.job_id)
        context.lease.check_fence()
        context.services.archive.move(file.file_id, OpenFile(source_path(file.source).with_name(name), empty))


def _begins_as_archived(context: StageContext, file: LedgerFile, folder: SourceFolder, name: str) -> bool:
    with folder.open(name) as opened:
        return all(opened.read(len(block)) == block for block in _read_archived(context, file))


def _read_archived(context: StageContext, file: LedgerFile) -> Iterator[bytes]:
    """Yield the archive's bytes, and report progress, which raises FenceLost if another process has acquired the job."""
    done = 0
    for block in context.services.archive.get(file.file_id):
        done += len(block)
        context.lease.report_progress(done, max(done, file.size))
        yield block
