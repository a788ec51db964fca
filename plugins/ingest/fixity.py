"""Whether what the archive holds of a file is what its metadata declares: read and hashed.

Called before a file that may be whole is sent again, and by `ingest.reconciling`.
"""

import hashlib
from collections.abc import Callable

from ingest.errors import ServiceUnavailable
from ingest.files import LedgerFile
from ingest.services.archive import Archive


def damage(archive: Archive, file: LedgerFile, read: Callable[[int], None] = lambda _size: None) -> str | None:
    """Read what is stored of a file; gives what is wrong with it, None when its hash is the declared one.

    `read` is told how many bytes were read, on the way. Raises ServiceUnavailable.
    """
    hashed = hashlib.new(file.hash_type, usedforsecurity=False)
    try:
        for block in archive.get(file.file_id):
            hashed.update(block)
            read(len(block))
    except ServiceUnavailable as error:
        # An archive that is away is no damage, and says so here again.
        archive.size(file.file_id)
        return f"it cannot be read: {error.text}"
    if hashed.hexdigest() == file.hash_sum:
        return None
    return f"it has the {file.hash_type} {hashed.hexdigest()}, declared is {file.hash_sum}"
