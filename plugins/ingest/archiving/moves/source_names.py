"""Restores a visible name for a hidden file: the source's own, or one beside it if the source's name is taken.

Called by `restore` and `removal`. No file is ever overwritten.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

from ingest.archiving.moves.permissions import source_path
from ingest.archiving.moves.source_folder import SourceFolder
from ingest.context import StageContext
from ingest.ledger.events import EventKind
from ingest.ledger.files import LedgerFile
from ingest.system.sanitize import quote_name

# The bytes that a name beside the source's own takes from it. A name has at most 255 bytes; the suffix needs the others.
MAX_STEM_BYTES = 200


def possible_names(context: StageContext, file: LedgerFile) -> Iterator[str]:
    """Yield the source's own name, then names beside it: `<name>.job-<id>`, `<name>.job-<id>-2`, and so on."""
    name = source_path(file.source).name
    yield name
    beside = f"{os.fsdecode(os.fsencode(name)[:MAX_STEM_BYTES])}.job-{context.lease.job_id}"
    yield beside
    yield from (f"{beside}-{number}" for number in count(2))


def restore_name(context: StageContext, file: LedgerFile, folder: SourceFolder, hidden: str) -> None:
    """Add the first possible name that is free to a hidden file, unless the file already has one of the names."""
    for name in possible_names(context, file):
        with suppress(FileExistsError):
            _name(folder, hidden, name)
            if name != source_path(file.source).name:
                source = quote_name(file.source)
                text = f"{source} was written again; the file that had been moved is restored as {quote_name(name)}"
                context.lease.event(EventKind.SOURCE_KEPT, text)
            return
        if _is_same(folder.find(name), folder.find(hidden)):
            return


def _is_same(one: os.stat_result | None, other: os.stat_result | None) -> bool:
    return one is not None and other is not None and os.path.samestat(one, other)


def _name(folder: SourceFolder, hidden: str, name: str) -> None:
    """Add a name to a hidden file, or rename it where links are impossible; raises FileExistsError."""
    try:
        folder.link(hidden, name)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links has no rename that fails on an existing name either, so check before it.
        if folder.find(name) is not None:
            raise FileExistsError(name) from None
        folder.rename(hidden, name)
