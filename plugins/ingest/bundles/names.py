"""Converts the names of members and files to paths below `data/`, checks them and shows them.

Called by the readers of bundles and metadata. The service never uses a name as a path on its own disks; but others may
restore files under it, and people read it in messages.
"""

import re
import unicodedata
from hashlib import blake2b

from ingest.errors.fault_codes import FaultCode
from ingest.system.sanitize import LONGEST_NAME

DATA_FOLDER = "data"
# In characters: the limit of NTFS, of APFS and of the column in Metadata. The limit of Linux is 255 bytes, but bundles come
# from other systems, too.
LONGEST_COMPONENT = 255
# In bytes of UTF-8: PATH_MAX of Linux without the terminating NUL.
LONGEST_PATH = 4095
# Unicode's category Cc: characters that move a terminal's cursor or begin a new line in a log.
CONTROLS = re.compile("[\0-\x1f\x7f-\x9f]")
# NUL, and bytes that are not UTF-8 as Python decodes them: neither the database nor JSON can hold them.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def relative_path(*names: str) -> str | None:
    """Join names, as the tar or the metadata writes them, to the path below `data/`; return None if it is not below `data/`.

    `data/a/b/` and `c`, `data//a/b` and `c`, `a/b` and `c` all result in `a/b/c`, as in the original service.
    """
    return join_below_data(split_name("/".join(names)))


def split_name(name: str) -> list[str]:
    """Return the parts of a name between slashes, without empty parts and `.`."""
    return [part for part in name.split("/") if part not in ("", ".")]


def join_below_data(parts: list[str]) -> str | None:
    """Join the parts of a name to the path below `data/`; return None if it is not below `data/`."""
    below = parts[1:] if parts[:1] == [DATA_FOLDER] else parts
    path = "/".join(below)
    return None if not path or ".." in below or UNSTORABLE.search(path) else path


def name_fault(path: str) -> tuple[FaultCode, str] | None:
    """Return the fault of a path that no file may have, with a phrase that follows the name; None if it is allowed."""
    if path.isascii() and path.isprintable() and len(path) <= LONGEST_COMPONENT:
        return None
    if any("\ud800" <= character <= "\udfff" for character in path):
        return (
            FaultCode.PATH_NOT_UTF8,
            "has a name that is not UTF-8; rename it, or make the tar with a program that writes UTF-8",
        )
    if CONTROLS.search(path):
        return FaultCode.PATH_HOLDS_CONTROLS, "has a control character in its name; rename it"
    if is_too_long(path):
        limits = f"{LONGEST_PATH} bytes, or {LONGEST_COMPONENT} characters between two slashes"
        return FaultCode.PATH_TOO_LONG, f"has a path of more than {limits}; shorten it"
    return None


def is_too_long(path: str) -> bool:
    """Return whether a path, or a part of it, is too long to be restored."""
    if len(path) <= LONGEST_COMPONENT:
        return False
    return len(path.encode()) > LONGEST_PATH or max(map(len, path.split("/"))) > LONGEST_COMPONENT


def folded(path: str) -> str:
    """Return a key that is equal for paths that differ only in case or Unicode form, which some systems treat as the same.

    This is canonical caseless matching (The Unicode Standard, 3.13, D145).
    """
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def folded_digest(path: str) -> int:
    """Return 64 bits of a digest of the folded path, for comparisons in the database."""
    return int.from_bytes(blake2b(folded(path).encode(), digest_size=8).digest(), signed=True)


def distinguishable(name: str) -> str:
    """Return a name in ASCII for messages, so that names that look alike are shown differently."""
    shown = ascii(name)
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:LONGEST_NAME]}..."
