"""Compare a stored file with its declared hash.

Called by `transfer` before a file that may be stored whole is sent again, by `moves.verification` for a move that may have
been a copy, and by `ingest.operations.reconcile`.
"""

import hashlib
from collections.abc import Callable

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.files import LedgerFile
from ingest.services.archive import Archive


def stored_hash(archive: Archive, file: LedgerFile, on_read: Callable[[int], None] = lambda _size: None) -> str:
    """Read a stored file and return its hash in hexadecimal digits; raises ServiceUnavailable.

    `on_read` is called with the number of bytes of each block.
    """
    hashed = hashlib.new(file.hash_type, usedforsecurity=False)
    for block in archive.get(file.file_id):
        hashed.update(block)
        on_read(len(block))
    return hashed.hexdigest()


def find_damage(archive: Archive, file: LedgerFile, on_read: Callable[[int], None] = lambda _size: None) -> str | None:
    """Read a stored file and return a phrase about its damage; None when its hash is the declared one.

    `on_read` is as for `stored_hash`. Raises ServiceUnavailable.
    """
    try:
        found = stored_hash(archive, file, on_read)
    except ServiceUnavailable as error:
        # If the archive is unavailable rather than the file damaged, this raises.
        archive.size(file.file_id)
        return f"it cannot be read: {error.text}"
    if found == file.hash_sum:
        return None
    return f"it has the {file.hash_type} {found}, declared is {file.hash_sum}"
