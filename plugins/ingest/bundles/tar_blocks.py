"""One block of a tar as a header: its fields, read as strictly as no two readers can disagree on them.

Called by `ingest.bundles.tar_headers`. The formats are those of POSIX.1-2017 (pax, "ustar Interchange Format") and of GNU
tar ("Basic Tar Format"). Python's tarfile is not used: what it makes of broken headers differs from version to version,
and from GNU tar.
"""

import re
from dataclasses import dataclass
from struct import Struct

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidBundle

BLOCK = 512
FIELDS = Struct("100s 8s 8s 8s 12s 12s 8s c 100x 6s 66x 8s 8s 155s 12x")
CHECKSUM = slice(148, 156)
# Of the checksum itself, which counts as eight spaces.
BLANK_CHECKSUM = 8 * ord(" ")
USTAR = b"ustar\0"
OCTAL = re.compile(rb" *([0-7]+)[ \0]*\Z")
# What other readers take for a number: octal digits, nothing, or GNU's base-256.
NUMBER = re.compile(rb"(?: *[0-7]*[ \0]*|[\x80\xff].*)\Z", re.DOTALL)
# GNU tar's name for a whole tar (`-V LABEL`): a header without bytes, in which it leaves most fields blank.
VOLUME_LABEL = b"V"
BASE_256 = 0x80
NEGATIVE_BASE_256 = 0xFF
# What eleven octal digits hold.
LARGEST_OCTAL = 8**11 - 1
# What to do about a tar whose writer is at fault, and no option of it.
ANOTHER_PROGRAM = "make the tar with another program (GNU tar, bsdtar, Python's tarfile)"
# A wrong checksum is most often damage on the way.
AS_IT_WAS_MADE = f"look whether `tar -tf` reads the file; if so, send it as it is, else {ANOTHER_PROGRAM}"
OF_TIMES = "GNU tar reads times where Python's tarfile and 7-Zip read the beginning of the name"
WITHOUT_TIMES = "make the tar with --format=posix (.NET: TarEntryFormat.Pax)"


@dataclass(frozen=True, slots=True)
class Block:
    """A header block: `name` as bytes, `kind` as the tar's typeflag, `size` in bytes, `offset` of the block."""

    name: bytes
    kind: bytes
    size: int
    offset: int


def parse_block(data: bytes, offset: int) -> Block:
    """Read a header block that stands at `offset`; raises InvalidBundle where it is none, or can be read in two ways."""
    name, mode, uid, gid, size, mtime, checksum, kind, magic, major, minor, prefix = FIELDS.unpack(data)
    if not _is_right(data, checksum):
        if offset == 0:
            raise InvalidBundle("the bundle is no tar; make one of data/ and metadata.txt", FaultCode.TAR_UNREADABLE)
        raise broken(offset, "its checksum is wrong", AS_IT_WAS_MADE)
    if not all(map(NUMBER.match, (mode, uid, gid, mtime, major, minor))):
        raise _no_number(offset, mode=mode, uid=uid, gid=gid, mtime=mtime, devmajor=major, devminor=minor)
    beginning = _text(prefix)
    if beginning and magic != USTAR:
        # Of these formats only GNU's has anything here: with --listed-incremental, and as .NET 7 and 8 write it.
        raise ambiguous(offset, OF_TIMES, WITHOUT_TIMES)
    whole = beginning + b"/" + _text(name) if beginning else _text(name)
    if kind == VOLUME_LABEL and not any(size):
        return Block(whole, kind, 0, offset)
    return Block(whole, kind, _size(size, offset), offset)


def broken(offset: int, reason: str, advice: str = ANOTHER_PROGRAM) -> InvalidBundle:
    """Make the error of a header that cannot be read; `advice` says what to do about it."""
    return InvalidBundle(f"the header at byte {offset} is broken: {reason}; {advice}", FaultCode.HEADER_BROKEN)


def ambiguous(offset: int, reason: str, advice: str = ANOTHER_PROGRAM) -> InvalidBundle:
    """Make the error of a header in which different readers of tars see different members; `advice` says what to do."""
    sentence = f"the header at byte {offset} can be read in two ways: {reason}; {advice}"
    return InvalidBundle(sentence, FaultCode.HEADER_AMBIGUOUS)


def _no_number(offset: int, **fields: bytes) -> InvalidBundle:
    """Name the field that is no number: none of these is used, but other readers take the member for none."""
    names = [name for name, field in fields.items() if not NUMBER.match(field)]
    return broken(offset, f"its {names[0]} is no number")


def _is_right(data: bytes, checksum: bytes) -> bool:
    digits = OCTAL.match(checksum)
    if not digits:
        return False
    wanted, rest = int(digits[1], 8), data[: CHECKSUM.start] + data[CHECKSUM.stop :]
    unsigned = sum(rest) + BLANK_CHECKSUM
    # Old writers added the bytes up as signed ones.
    return wanted == unsigned or wanted == unsigned - sum(256 for byte in rest if byte >= 128)  # noqa: PLR2004


def _size(field: bytes, offset: int) -> int:
    if field[0] == NEGATIVE_BASE_256:
        raise broken(offset, "it claims a negative size")
    if field[0] == BASE_256:
        return int.from_bytes(field[1:])
    digits = OCTAL.match(field)
    if not digits:
        raise broken(offset, "its size is no number")
    return int(digits[1], 8)


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]
