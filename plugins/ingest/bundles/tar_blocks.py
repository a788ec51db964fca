"""Parses one header block of a tar, so strictly that no two readers of tars can disagree on its fields.

Called by `ingest.bundles.tar_headers`. The formats are those of POSIX.1-2017 (pax, "ustar Interchange Format") and of GNU
tar ("Basic Tar Format"). Python's tarfile is not used, because it reads broken headers differently from version to
version, and differently from GNU tar.
"""

import re
from dataclasses import dataclass
from struct import Struct
from zlib import adler32

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidBundle

BLOCK = 512
FIELDS = Struct("100s 8s 8s 8s 12s 12s 8s c 100x 6s 66x 8s 8s 155s 12x")
CHECKSUM = slice(148, 156)
# The checksum field itself counts as eight spaces.
BLANK_CHECKSUM = 8 * ord(" ")
USTAR = b"ustar\0"
OCTAL = re.compile(rb" *([0-7]+)[ \0]*\Z")
# The forms of a number that other readers accept: octal digits, nothing, or GNU's base-256.
NUMBER = re.compile(rb"(?: *[0-7]*[ \0]*|[\x80\xff].*)\Z", re.DOTALL)
# GNU tar's label of a whole tar (`-V LABEL`): a header without data, most of whose fields are blank.
VOLUME_LABEL = b"V"
BASE_256 = 0x80
NEGATIVE_BASE_256 = 0xFF
# The largest number of eleven octal digits.
LARGEST_OCTAL = 8**11 - 1
# Advice for a tar whose writer has no option that avoids the fault.
ANOTHER_PROGRAM = "make the tar with another program (GNU tar, bsdtar, Python's tarfile)"
# A wrong checksum is most often damage during the transfer.
SEND_UNCHANGED = f"if `tar -tf` reads the file, send it again unchanged, else {ANOTHER_PROGRAM}"
READ_AS_TIMES = "GNU tar reads times where Python's tarfile and 7-Zip read the beginning of the name"
WITHOUT_TIMES = "make the tar with --format=posix (.NET: TarEntryFormat.Pax)"


@dataclass(frozen=True, slots=True)
class Block:
    """A header block: `name` as bytes, `kind` as the tar's typeflag, `size` in bytes, `offset` of the block."""

    name: bytes
    kind: bytes
    size: int
    offset: int


def parse_block(data: bytes, offset: int) -> Block:
    """Parse the header block at `offset`; raise InvalidBundle if it is not a header or can be read in two ways."""
    name, mode, uid, gid, size, mtime, checksum, kind, magic, major, minor, prefix = FIELDS.unpack(data)
    if not _is_right(data, checksum):
        if offset == 0:
            raise InvalidBundle(
                "the bundle is not a tar; make a tar of data/ and metadata.txt", FaultCode.TAR_UNREADABLE
            )
        raise broken(offset, "its checksum is wrong", SEND_UNCHANGED)
    if not all(map(NUMBER.match, (mode, uid, gid, mtime, major, minor))):
        raise _not_a_number(offset, mode=mode, uid=uid, gid=gid, mtime=mtime, devmajor=major, devminor=minor)
    beginning = _text(prefix)
    if beginning and magic != USTAR:
        # Of these formats only GNU's uses this field: with --listed-incremental, and as .NET 7 and 8 write it.
        raise ambiguous(offset, READ_AS_TIMES, WITHOUT_TIMES)
    whole = beginning + b"/" + _text(name) if beginning else _text(name)
    if kind == VOLUME_LABEL and not any(size):
        return Block(whole, kind, 0, offset)
    return Block(whole, kind, _size(size, offset), offset)


def broken(offset: int, reason: str, advice: str = ANOTHER_PROGRAM) -> InvalidBundle:
    """Return the error for a header that cannot be read; `advice` is the remedy."""
    return InvalidBundle(f"the header at byte {offset} is broken: {reason}; {advice}", FaultCode.HEADER_BROKEN)


def ambiguous(offset: int, reason: str, advice: str = ANOTHER_PROGRAM) -> InvalidBundle:
    """Return the error for a header in which different readers see different members; `advice` is the remedy."""
    sentence = f"the header at byte {offset} can be read in two ways: {reason}; {advice}"
    return InvalidBundle(sentence, FaultCode.HEADER_AMBIGUOUS)


def _not_a_number(offset: int, **fields: bytes) -> InvalidBundle:
    """Return the error for a field that is not a number; other readers refuse a member for a field that is unused here."""
    names = [name for name, field in fields.items() if not NUMBER.match(field)]
    return broken(offset, f"its {names[0]} is not a number")


def _is_right(data: bytes, checksum: bytes) -> bool:
    digits = OCTAL.match(checksum)
    if not digits:
        return False
    wanted = int(digits[1], 8)
    unsigned = _sum(data) - sum(checksum) + BLANK_CHECKSUM
    if wanted == unsigned:
        return True
    # Old writers add up signed bytes.
    rest = data[: CHECKSUM.start] + data[CHECKSUM.stop :]
    return wanted == unsigned - sum(256 for byte in rest if byte >= 128)  # noqa: PLR2004


def _sum(data: bytes) -> int:
    """Return the sum of the bytes of a block; twice as fast as `sum`, which matters for a million members."""
    # The lower half of Adler-32 is 1 plus the sum modulo 65521, which 256 bytes cannot reach.
    return sum((adler32(data[at : at + 256]) & 0xFFFF) - 1 for at in (0, 256))


def _size(field: bytes, offset: int) -> int:
    if field[0] == NEGATIVE_BASE_256:
        raise broken(offset, "it claims a negative size")
    if field[0] == BASE_256:
        return int.from_bytes(field[1:])
    digits = OCTAL.match(field)
    if not digits:
        raise broken(offset, "its size is not a number")
    return int(digits[1], 8)


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]
