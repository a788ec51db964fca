"""The hidden names that this service uses in the folder of a source.

They depend on the file id only. Used by the other modules of moves. A hidden name that a process leaves behind is removed
when the source is restored or the job is cataloged.
"""

from ingest.archiving.moves.source_folder import SourceFolder
from ingest.ledger.files import LedgerFile

HIDDEN_PREFIX = ".pacifica-ingest-"


def hidden_link(file: LedgerFile) -> str:
    """Return the name of the hard link to a source, which stays beside it until the job is cataloged."""
    return f"{HIDDEN_PREFIX}{file.file_id}"


def hidden_aside(file: LedgerFile) -> str:
    """Return the name to which `removal` renames the source before it compares and removes it."""
    return f"{hidden_link(file)}.aside"


def hidden_part(file: LedgerFile) -> str:
    """Return the name of a copy that is being fetched from the archive."""
    return f"{hidden_link(file)}.part"


def hidden_empty(file: LedgerFile) -> str:
    """Return the name of the empty file that replaces a source in the archive."""
    return f"{hidden_link(file)}.empty"


def remove_hidden(file: LedgerFile, folder: SourceFolder) -> None:
    """Remove all hidden names of a source; the link last, because the others exist only beside it."""
    for name in (hidden_part(file), hidden_empty(file), hidden_aside(file), hidden_link(file)):
        folder.remove(name)
