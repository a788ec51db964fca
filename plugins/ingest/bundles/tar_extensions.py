r"""Parses extended headers, which describe the member that follows them: PAX records, and GNU's long names.

Called by `ingest.bundles.tar_headers`. POSIX.1-2017, pax, "pax Header Block": each record is `<length> <key>=<value>\n`.
Only the records that decide names and positions of members are read; others (times, owners, attributes) are skipped.
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
# The key with which GNU tar marks a tar that continues a file of the previous volume.
CONTINUED = b"GNU.volume.filename"
# Keys that must not be set for all members together, nor twice for one member.
DECISIVE = frozenset({b"path", b"size", b"linkpath", b"hdrcharset", b"GNU.sparse.name"})
CHARSETS = frozenset({b"BINARY", b"ISO-IR 10646 2000 UTF-8"})
ONE_VOLUME = "make the tar in one volume (without --multi-volume)"


@dataclass(frozen=True)
class Extension:
    """The values of the extended headers before a member; `name` replaces the header's, `size` is in bytes."""

    name: bytes | None = None
    size: int | None = None
    is_sparse: bool = False


def with_records(before: Extension, data: bytes, offset: int) -> Extension:
    """Add the records of the PAX header at `offset`; raise InvalidBundle."""
    records = _records(data, offset)
    if records.get(b"hdrcharset", b"BINARY") not in CHARSETS:
        raise malformed(offset, "it names an unknown character set", "make the tar with names in UTF-8")
    size = records.get(b"size")
    if size is not None and not DECIMAL.match(size):
        raise malformed(offset, "its size is not a number")
    name = records.get(b"GNU.sparse.name", records.get(b"path"))
    if name is not None and (before.name is not None or not name):
        raise ambiguous(offset, "it repeats the member's name, or the name is empty")
    return Extension(
        name=before.name if name is None else name,
        size=None if size is None else int(size),
        is_sparse=any(map(is_of_a_sparse_file, records)),
    )


def with_long_name(before: Extension, data: bytes, offset: int) -> Extension:
    """Add a GNU long name, which ends with a NUL; raise InvalidBundle."""
    name = data.rstrip(b"\0")
    if b"\0" in name or not name:
        raise malformed(offset, "its long name is empty or contains a NUL")
    if before.name is not None:
        raise ambiguous(offset, "it repeats the member's name")
    return replace(before, name=name)


def check_global(data: bytes, offset: int) -> None:
    """Refuse a header for the whole tar that sets values which each member must have itself."""
    for key in _records(data, offset):
        if key == CONTINUED:
            sentence = (
                f"the tar is not the first of several volumes: it continues a file of another volume; {ONE_VOLUME}"
            )
            raise InvalidBundle(sentence, FaultCode.MEMBER_IS_SPECIAL)
        shown = quote_name(key.decode(errors="replace"))
        raise ambiguous(offset, f"a global header sets {shown}", "remove that from --pax-option, or " + ANOTHER_PROGRAM)


def size_with(extension: Extension, size: int, offset: int) -> int:
    """Return a member's size, on which its header and its PAX header must agree (CVE-2025-62518)."""
    if extension.size is None or extension.size == size:
        return size
    if extension.size > LARGEST_OCTAL and size in (0, LARGEST_OCTAL):
        return extension.size
    raise ambiguous(offset, f"its size is {size} bytes there, but {extension.size} in its PAX header")


def is_of_a_sparse_file(key: bytes) -> bool:
    """Return whether a record marks its member as a sparse file."""
    return key.startswith(SPARSE_KEYS)


def malformed(offset: int, reason: str, advice: str = ANOTHER_PROGRAM) -> InvalidBundle:
    """Return the error for an extended header that cannot be read; `advice` is the remedy."""
    sentence = f"the extended header at byte {offset} is malformed: {reason}; {advice}"
    return InvalidBundle(sentence, FaultCode.EXTENSION_MALFORMED)


def _records(data: bytes, offset: int) -> dict[bytes, bytes]:
    """Return the records that decide names, sizes and sparse files."""
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
            raise ambiguous(offset, f"its record {key.decode()} is repeated")
        if key in DECISIVE or key == CONTINUED or is_of_a_sparse_file(key):
            records[key] = value
        position = end
    if data[position:].strip(b"\0"):
        raise malformed(offset, "data follows its records")
    return records
