"""Find out what the archive holds under the id of a file that is `sending`: the file, a part of it, or something else.

Called by `batches` and `deletion`. That a file is `sending` does not prove that this service sent what is stored: another
system may use the id without its being in the sample that was checked (`ids_in_use`). So nothing is overwritten or deleted
unless the job's bundle has the same bytes.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import BinaryIO

from ingest.archiving.fixity import find_damage
from ingest.archiving.parallel import parallel_map
from ingest.bundles.bundle import Section
from ingest.context import StageContext
from ingest.errors.types import BundleRemoved, ServiceUnavailable, SpoolUnavailable
from ingest.ledger.files import LedgerFile
from ingest.ledger.models import FileState
from ingest.services.archive import Archive

# The ids of larger files are checked before they are sent, because each is alone in its batch.
COMPARED_BYTES = 64 * 1024 * 1024


class Stored(Enum):
    """What the archive holds under the id of a file."""

    NOTHING = auto()
    PART = auto()
    WHOLE = auto()
    FOREIGN = auto()


def find_stored(archive: Archive, file: LedgerFile, bundle: BinaryIO, on_read: Callable[[int], None]) -> Stored:
    """Return what the archive holds under the id of a file. Raises ServiceUnavailable.

    If the bundle's bytes do not have the declared hash, all of them are a part. `on_read` is called with the number of
    bytes of each block that is hashed.
    """
    size = archive.size(file.file_id)
    if size is None:
        return Stored.NOTHING
    if size == file.size and find_damage(archive, file, on_read) is None:
        return Stored.WHOLE
    return Stored.PART if _begins_as_stored(archive, file, size, bundle) else Stored.FOREIGN


def find_foreign(context: StageContext, files: Iterable[LedgerFile]) -> list[LedgerFile]:
    """Return the files that are `sending` and under whose ids the archive holds something else. Raises ServiceUnavailable.

    Without the bundle, only what has the declared size and hash is known to be the job's.
    """
    archive = context.services.archive
    begun = [file for file in files if file.state is FileState.SENDING]
    with _open_bundle(context) as bundle:

        def is_foreign(file: LedgerFile) -> bool:
            size = archive.size(file.file_id)
            if size is None:
                return False
            if bundle is None:
                return size != file.size or find_damage(archive, file) is not None
            return not _begins_as_stored(archive, file, size, bundle)

        found = parallel_map(is_foreign, begun, archive.parallel_requests)
    return [file for file, foreign in zip(begun, found, strict=True) if foreign]


def _begins_as_stored(archive: Archive, file: LedgerFile, size: int, bundle: BinaryIO) -> bool:
    """Return whether a file in the bundle begins with the `size` bytes that the archive holds."""
    if size > file.size:
        return False
    section, left = Section(bundle, file.offset, file.size), min(size, COMPARED_BYTES)
    try:
        for block in archive.get(file.file_id):
            compared = block[:left]
            if section.read(len(compared)) != compared:
                return False
            left -= len(compared)
            if not left:
                break
    except ServiceUnavailable:
        # If the archive is unavailable rather than the file unreadable, this raises.
        archive.size(file.file_id)
        return False
    return True


@contextmanager
def _open_bundle(context: StageContext) -> Iterator[BinaryIO | None]:
    """Open the bundle for the `with` block; None if it does not exist any more."""
    try:
        path = context.received_path
    except (BundleRemoved, SpoolUnavailable):
        yield None
        return
    with path.open("rb", buffering=0) as bundle:
        yield bundle
