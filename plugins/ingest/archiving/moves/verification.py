"""Verifies that the archive holds the file that was checked. Called by `move` after the archive has taken a source."""

import logging
import os

from ingest.archiving.fixity import stored_hash
from ingest.archiving.moves.checked_source import Source, source_changed
from ingest.context import StageContext
from ingest.errors.types import ServiceUnavailable, SourceExchanged
from ingest.ledger.files import LedgerFile
from ingest.system.sanitize import quote_name

logger = logging.getLogger(__name__)


def verify_archived(context: StageContext, file: LedgerFile, source: Source, link_count: int) -> None:
    """Raise SourceExchanged, ServiceUnavailable or InvalidSource unless the archive holds the file that was checked.

    `link_count` is the number of the source's hard links before the archive took it.
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
        # The stored size may be that of another user's file, so only the log contains it.
        logger.warning("the archive holds %s of the %d bytes of file %d", stored, file.size, file.file_id)
        reason = f"it does not hold the {file.size} bytes of {quote_name(file.source)}; it is moved again"
        raise ServiceUnavailable("the archive", context.settings.archiveinterface_url, reason)
    if _shares_inode(source, link_count):
        return
    if stored_hash(archive, file, lambda _size: context.lease.check_fence()) != file.hash_sum:
        raise source_changed(file)


def _shares_inode(source: Source, link_count: int) -> bool:
    """Return whether the archive holds the same inode that was checked, unchanged, so that the file need not be read.

    An archive on the same device links the file, which then has one more hard link. On another device it copies the file.
    """
    now = os.fstat(source.opened.fileno())
    return source.is_unchanged(now) and now.st_nlink == link_count + 1
