"""Whether what the archive holds of a file is what its metadata declares: read and hashed.

Called before a file that may be whole is sent again, after a move that may have been a copy, and by
`ingest.operations.reconcile`.
"""

import hashlib
from collections.abc import Callable

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.files import LedgerFile
from ingest.services.archive import Archive


def stored_hash(archive: Archive, file: LedgerFile, read: Callable[[int], None] = lambda _size: None) -> str:
    """Read what is stored of a file and give its hash, in hexadecimal digits; raises ServiceUnavailable.

    `read` is told how many bytes were read, on the way.
    """
    hashed = hashlib.new(file.hash_type, usedforsecurity=False)
    for block in archive.get(file.file_id):
        hashed.update(block)
        read(len(block))
    return hashed.hexdigest()


def damage(archive: Archive, file: LedgerFile, read: Callable[[int], None] = lambda _size: None) -> str | None:
    """Read what is stored of a file; gives what is wrong with it, None when its hash is the declared one.

    `read` is as for `stored_hash`. Raises ServiceUnavailable.
    """
    try:
        found = stored_hash(archive, file, read)
    except ServiceUnavailable as error:
        # An archive that is away is no damage, and says so here again.
        archive.size(file.file_id)
        return f"it cannot be read: {error.text}"
    if found == file.hash_sum:
        return None
    return f"it has the {file.hash_type} {found}, declared is {file.hash_sum}"
