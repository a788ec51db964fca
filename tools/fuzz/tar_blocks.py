"""The blocks of a tar, made by hand so that they can be wrong: headers, extended headers, checksums.

Called by the mutations and the seeds. POSIX.1-2017, pax, "ustar Interchange Format", and the GNU tar manual, "Basic Tar
Format".
"""

import tarfile
from collections.abc import Iterable, Iterator

from tools.tar_blocks import BLOCK, padded, record

MAGIC = b"ustar"
# Offset and length of each field of a header.
FIELDS = {
    "name": (0, 100),
    "mode": (100, 8),
    "uid": (108, 8),
    "gid": (116, 8),
    "size": (124, 12),
    "mtime": (136, 12),
    "checksum": (148, 8),
    "type": (156, 1),
    "linkname": (157, 100),
    "magic": (257, 8),
    "uname": (265, 32),
    "devmajor": (329, 8),
    "devminor": (337, 8),
    "prefix": (345, 155),
}


def header(name: bytes, size: int = 0, kind: bytes = tarfile.REGTYPE, magic: bytes = b"ustar\x0000") -> bytes:
    """Return one header block with a right checksum."""
    block = bytearray(BLOCK)
    values = {"name": name, "mode": b"0000644\0", "size": b"%011o\0" % size, "type": kind, "magic": magic}
    for field, value in values.items():
        set_field(block, 0, field, value)
    set_checksum(block, 0)
    return bytes(block)


def member(name: bytes, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a header and its content."""
    return header(name, len(content), kind) + padded(content)


def extended(records: Iterable[tuple[bytes, bytes]], kind: bytes = tarfile.XHDTYPE) -> bytes:
    """Return a PAX header for the member behind it (or for all, with the kind XGLTYPE)."""
    return member(b"pax", b"".join(record(key, value) for key, value in records), kind)


def long_name(name: bytes, kind: bytes = tarfile.GNUTYPE_LONGNAME) -> bytes:
    """Return the header that GNU tar writes before a member with a long name."""
    return member(b"././@LongLink", name + b"\0", kind)


def volume_label(name: bytes) -> bytes:
    """Return the header that GNU tar writes first for `-V LABEL`."""
    block = bytearray(BLOCK)
    for field, value in {"name": name, "mtime": b"15303245733\0", "type": b"V"}.items():
        set_field(block, 0, field, value)
    set_checksum(block, 0)
    return bytes(block)


def with_times(tar: bytes) -> bytes:
    """Return a tar whose first header has times at the place of the old GNU format, where POSIX has the name's prefix."""
    changed = bytearray(tar)
    set_field(changed, 0, "magic", b"ustar  \0")
    set_field(changed, 0, "prefix", b"15303167333\x0015303167333\0")
    set_checksum(changed, 0)
    return bytes(changed)


def set_field(tar: bytearray, offset: int, field: str, value: bytes) -> None:
    """Set a field of the header at an offset; a longer value is cut, a shorter one is followed by zeros."""
    start, length = FIELDS[field]
    tar[offset + start : offset + start + length] = value[:length].ljust(length, b"\0")


def set_checksum(tar: bytearray, offset: int) -> None:
    """Make the checksum of the header at an offset right."""
    set_field(tar, offset, "checksum", b" " * 8)
    set_field(tar, offset, "checksum", b"%06o\0 " % sum(tar[offset : offset + BLOCK]))


def header_offsets(tar: bytes | bytearray) -> Iterator[int]:
    """Yield the offsets of possible headers: blocks that look like one, and blocks at which a reader expects one."""
    expected = 0
    for offset in range(0, len(tar) - BLOCK + 1, BLOCK):
        if offset == expected or tar[offset + 257 : offset + 262] == MAGIC:
            if any(tar[offset : offset + BLOCK]):
                yield offset
            expected = max(expected, offset + BLOCK + _length(tar, offset))


def _length(tar: bytes | bytearray, offset: int) -> int:
    start, length = FIELDS["size"]
    digits = bytes(tar[offset + start : offset + start + length]).strip(b" \0")
    try:
        return -(-int(digits or b"0", 8) // BLOCK) * BLOCK
    except ValueError:
        return 0
