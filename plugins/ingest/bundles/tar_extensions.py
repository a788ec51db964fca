r"""What extended headers say of the member behind them: PAX records, and GNU's long names.

Called by `ingest.bundles.tar_headers`. POSIX.1-2017, pax, "pax Header Block": each record is `<length> <key>=<value>\n`.
Only what decides where members lie and what they are called is read; the rest (times, owners, attributes) is passed over.
"""

import re
from dataclasses import dataclass, replace

from ingest.bundles.tar_blocks import ANOTHER_PROGRAM, BLOCK, LARGEST_OCTAL, ambiguous
from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidBundle
from ingest.system.sanitize import quote_name

LONG_NAME, LONG_LINK = b"L", b"K"
# Solaris' tar writes the same records as POSIX, under a type of its own.
PAX, SOLARIS_PAX, GLOBAL_PAX = b"x", b"X", b"g"
EXTENSIONS = frozenset({LONG_NAME, LONG_LINK, PAX, SOLARIS_PAX, GLOBAL_PAX})

LENGTH = re.compile(rb"([0-9]{1,7}) ")
DECIMAL = re.compile(rb"[0-9]{1,20}\Z")
SPARSE_KEYS = (b"GNU.sparse.", b"SCHILY.realsize", b"SUN.holesdata")
# GNU tar says so of a tar that goes on with a file of the volume before it.
CONTINUED = b"GNU.volume.filename"
# What must not be said of all members at once, or twice of one.
DECISIVE = frozenset({b"path", b"size", b"linkpath", b"hdrcharset", b"GNU.sparse.name"})
CHARSETS = frozenset({b"BINARY", b"ISO-IR 10646 2000 UTF-8"})
ONE_VOLUME = "make the tar in one volume (without --multi-volume)"


@dataclass(frozen=True)
class Extension:
    """What the extended headers before a member say of it; `name` replaces the header's, `size` is in bytes."""

    name: bytes | None = None
    size: int | None = None
    is_sparse: bool = False


def with_records(before: Extension, data: bytes, offset: int) -> Extension:
    """Add the records of a PAX header that stands at `offset`; raises InvalidBundle."""
    records = _records(data, offset)
    if records.get(b"hdrcharset", b"BINARY") not in CHARSETS:
        raise malformed(offset, "it names an unknown character set", "make the tar with names in UTF-8")
    size = records.get(b"size")
    if size is not None and not DECIMAL.match(size):
        raise malformed(offset, "its size is no number")
    name = records.get(b"GNU.sparse.name", records.get(b"path"))
    if name is not None and (before.name is not None or not name):
        raise ambiguous(offset, "it names the member a second time, or with no name")
    return Extension(
        name=before.name if name is None else name,
        size=None if size is None else int(size),
        is_sparse=any(map(is_of_a_sparse_file, records)),
    )


def with_long_name(before: Extension, data: bytes, offset: int) -> Extension:
    """Add a GNU long name, which ends with a NUL; raises InvalidBundle."""
    name = data.rstrip(b"\0")
    if b"\0" in name or not name:
        raise malformed(offset, "its long name holds a NUL, or nothing")
    if before.name is not None:
        raise ambiguous(offset, "it names the member a second time")
    return replace(before, name=name)


def check_global(data: bytes, offset: int) -> None:
    """Refuse a header for the whole tar that says of all members what each has to say itself."""
    for key in _records(data, offset):
        if key == CONTINUED:
            sentence = f"the tar is not the first of several volumes: it goes on with a file of another; {ONE_VOLUME}"
            raise InvalidBundle(sentence, FaultCode.MEMBER_IS_SPECIAL)
        shown = quote_name(key.decode(errors="replace"))
        raise ambiguous(
            offset, f"a global header sets {shown}", "leave that out of --pax-option, or " + ANOTHER_PROGRAM
        )


def size_with(extension: Extension, size: int, offset: int) -> int:
    """Give a member's size, which its header and its PAX header must agree on (CVE-2025-62518)."""
    if extension.size is None or extension.size == size:
        return size
    if extension.size > LARGEST_OCTAL and size in (0, LARGEST_OCTAL):
        return extension.size
    raise ambiguous(offset, f"its size is {size} bytes there and {extension.size} in its PAX header")


def is_of_a_sparse_file(key: bytes) -> bool:
    """Whether a record says that a member is stored as a sparse file."""
    return key.startswith(SPARSE_KEYS)


def malformed(offset: int, reason: str, advice: str = ANOTHER_PROGRAM) -> InvalidBundle:
    """Make the error of an extended header that cannot be read; `advice` says what to do about it."""
    sentence = f"the extended header at byte {offset} is malformed: {reason}; {advice}"
    return InvalidBundle(sentence, FaultCode.EXTENSION_MALFORMED)


def _records(data: bytes, offset: int) -> dict[bytes, bytes]:
    """Give the records that decide something."""
    records: dict[bytes, bytes] = {}
    position = 0
    while data[position : position + BLOCK].strip(b"\0"):
        length = LENGTH.match(data, position)
        end = position + int(length[1]) if length else 0
        if not length or not length.end() < end <= len(data) or data[end - 1 : end] != b"\n":
            raise malformed(offset, "the length of a record is wrong")
        key, equals, value = data[length.end() : end - 1].partition(b"=")
        if not key or not equals:
            raise malformed(offset, "a record has no key")
        if key in DECISIVE and key in records:
            raise ambiguous(offset, f"{key.decode()} stands there twice")
        if key in DECISIVE or key == CONTINUED or is_of_a_sparse_file(key):
            records[key] = value
        position = end
    if data[position:].strip(b"\0"):
        raise malformed(offset, "something stands behind its records")
    return records
