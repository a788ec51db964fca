"""The names of members and files: made into paths below `data/`, checked, and shown.

Called by what reads bundles and metadata. A name never becomes a path on the service's own disks; but others will restore
files by it one day, and people read it in messages.
"""

import re
import unicodedata
from hashlib import blake2b

from ingest.errors.fault_codes import FaultCode
from ingest.system.sanitize import LONGEST_NAME

DATA_FOLDER = "data"
# In characters: what NTFS, APFS and the column of Metadata hold. Linux holds 255 bytes, but bundles come from others, too.
LONGEST_COMPONENT = 255
# In bytes of UTF-8: PATH_MAX of Linux less its closing NUL.
LONGEST_PATH = 4095
# Unicode's category Cc: what moves a terminal's cursor, or begins a new line in a log.
CONTROLS = re.compile("[\0-\x1f\x7f-\x9f]")


def relative_path(*names: str) -> str | None:
    """Join names to the path below `data/`, as both the tar and the metadata may write it; None if it leads elsewhere.

    `data/a/b/` and `c`, `data//a/b` and `c`, `a/b` and `c` all give `a/b/c`, as in the original service.
    """
    parts = [part for name in names for part in name.split("/") if part not in ("", ".")]
    if parts and parts[0] == DATA_FOLDER:
        del parts[0]
    if not parts or ".." in parts or not _is_text("/".join(parts)):
        return None
    return "/".join(parts)


def name_fault(path: str) -> tuple[FaultCode, str] | None:
    """Say why no file may have this path: the fault, and what is wrong, to follow the shown name; None if it may."""
    if path.isascii() and path.isprintable() and len(path) <= LONGEST_COMPONENT:
        return None
    if any("\ud800" <= character <= "\udfff" for character in path):
        return (
            FaultCode.PATH_NOT_UTF8,
            "has a name that is not UTF-8; rename it, or let the program that makes the tar write UTF-8",
        )
    if CONTROLS.search(path):
        return FaultCode.PATH_HOLDS_CONTROLS, "has a control character in its name; rename it"
    if is_too_long(path):
        limits = f"{LONGEST_PATH} bytes, or {LONGEST_COMPONENT} characters between two slashes"
        return FaultCode.PATH_TOO_LONG, f"has a path of more than {limits}; shorten it"
    return None


def is_too_long(path: str) -> bool:
    """Whether a path, or a part of it, is longer than what can be restored."""
    if len(path) <= LONGEST_COMPONENT:
        return False
    return len(path.encode()) > LONGEST_PATH or max(map(len, path.split("/"))) > LONGEST_COMPONENT


def folded(path: str) -> str:
    """Give what is the same for all paths that some system takes for one: without case and Unicode form.

    That is canonical caseless matching (The Unicode Standard, 3.13, D145).
    """
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def folded_digest(path: str) -> int:
    """Give 64 bits of a digest of the folded path, for the database to compare."""
    return int.from_bytes(blake2b(folded(path).encode(), digest_size=8).digest(), signed=True)


def distinguishable(name: str) -> str:
    """Give a name for messages in ASCII, so that names that look alike are not shown alike."""
    shown = ascii(name)
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:LONGEST_NAME]}..."


def _is_text(name: str) -> bool:
    """Whether a name can be kept in the database and in JSON: no NUL, no bytes that are not UTF-8."""
    return not any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in name)
