"""Tars that are almost right: single changes of headers, blocks and bytes, with checksums that are right again.

Called by the properties and by the mutator of the fuzz target, so that both look behind the checksum.
"""

import tarfile
from collections.abc import Callable
from random import Random

from tools.fuzz.tar_blocks import FIELDS, extended, header_offsets, long_name, member, set_checksum, set_field
from tools.tar_blocks import BLOCK, END

NAMES = (b"data/a", b"data/b", b"metadata.txt", b"./data//a", b"data/a/", b"data/", b"data", b"/data/a", b"data/../a",
         b"other/a", b"", b"data/\xff", b"data/\xc3\xa9", b"data/a\nb", b"data/" + b"n" * 95)  # fmt: skip
NUMBERS = (b"", b"0", b"1", b"777", b"1000", b"1001", b"2000", b"  1000 ", b"1000 1", b"+1000", b"-1000", b"1_000", b"0o10",
           b"8", b"0x10", b"77777777777", b"\x80" + bytes(11), b"\x80" + bytes(9) + b"\x02\0", b"\xff" * 12,
           b"\xff" * 10 + b"\xfe\0", b"\x80" + b"\xff" * 11, b"\xc0", b"1000\0\0\x001", b"\x0c1", b"\xa0")  # fmt: skip
KINDS = tuple(bytes([kind]) for kind in b"\x0001234567xgXLKSDMNVAZ\xff ")
MAGICS = (b"ustar\x0000", b"ustar  \0", b"", b"ustar", b"ustar\0\0\0", b"USTAR\x0000", b"ustar\x0010")
TEXTS = (b"", b"data", b"data/p", b"x", b"14714700000", b"/", b"data/a", b"..", b"p" * 155,
         b"15303167333\x0015303167333\0", b"\0" * 12 + b"15303167333\0")  # fmt: skip
VALUES = {
    "name": NAMES,
    "mode": NUMBERS,
    "uid": NUMBERS,
    "gid": NUMBERS,
    "size": NUMBERS,
    "mtime": NUMBERS,
    "checksum": NUMBERS,
    "type": KINDS,
    "linkname": NAMES,
    "magic": MAGICS,
    "uname": TEXTS,
    "devmajor": NUMBERS,
    "devminor": NUMBERS,
    "prefix": TEXTS,
}
DECIMALS = (b"0", b"1", b"512", b"513", b"1024", b"-1", b"+512", b"5_12", b" 512", b"512 ", b"9" * 30, b"1.5", b"x", b"",
            b"0x200", b"\xd9\xa1")  # fmt: skip
RECORDS = {
    b"path": NAMES,
    b"size": DECIMALS,
    b"linkpath": NAMES,
    b"mtime": DECIMALS,
    b"uid": DECIMALS,
    b"hdrcharset": (b"BINARY", b"ISO-IR 10646 2000 UTF-8", b"x"),
    b"charset": (b"BINARY", b"ISO-IR 8859 1 1998"),
    b"comment": TEXTS,
    b"GNU.sparse.major": DECIMALS,
    b"GNU.sparse.minor": DECIMALS,
    b"GNU.sparse.name": NAMES,
    b"GNU.sparse.size": DECIMALS,
    b"GNU.sparse.realsize": DECIMALS,
    b"GNU.sparse.map": (b"0,1", b"0,512", b"0", b"x"),
    b"GNU.volume.filename": NAMES,
    b"GNU.volume.label": TEXTS,
    b"GNU.dumpdir": TEXTS,
    b"SCHILY.xattr.user.a": TEXTS,
    b"SCHILY.realsize": DECIMALS,
    b"": TEXTS,
}

Mutation = Callable[[bytearray, Random], None]


def mutated(tar: bytes, random: Random) -> bytes:
    """Return the tar with a few changes; its checksums are right, but for one tar in eight."""
    changed = bytearray(tar)
    for _ in range(random.randint(1, 3)):
        random.choice(MUTATIONS)(changed, random)
    if random.randrange(8):
        set_checksums(changed)
    return bytes(changed)


def set_checksums(tar: bytearray) -> None:
    """Make each header's checksum right."""
    for offset in header_offsets(tar):
        set_checksum(tar, offset)


def joined(first: bytes, second: bytes, random: Random) -> bytes:
    """Return the beginning of one tar and the end of another, cut at blocks."""
    head, tail = _place(first, random), _place(second, random)
    return first[:head] + second[tail:]


def change_field(tar: bytearray, random: Random) -> None:
    """Set a field of a random header to another value."""
    if offsets := list(header_offsets(tar)):
        field = random.choice(tuple(FIELDS))
        set_field(tar, random.choice(offsets), field, random.choice(VALUES[field]))


def insert_extension(tar: bytearray, random: Random) -> None:
    """Put a PAX or GNU header before some header."""
    offsets = list(header_offsets(tar)) or [0]
    place = random.choice(offsets)
    tar[place:place] = _extension(random)


def _extension(random: Random) -> bytes:
    if random.randrange(3) == 0:
        return long_name(random.choice(NAMES), random.choice([b"L", b"K"]))
    keys = [random.choice(tuple(RECORDS)) for _ in range(random.randint(1, 3))]
    records = [(key, random.choice(RECORDS[key])) for key in keys]
    return extended(
        records, random.choice([tarfile.XHDTYPE, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE])
    )


def insert_member(tar: bytearray, random: Random) -> None:
    """Put a member before some header, or into the middle of a content."""
    place = _place(tar, random)
    tar[place:place] = member(random.choice(NAMES), b"x" * random.choice([0, 1, BLOCK]), random.choice(KINDS))


def change_byte(tar: bytearray, random: Random) -> None:
    """Change a random byte."""
    if tar:
        tar[random.randrange(len(tar))] = random.choice(
            [0, 1, 32, 47, 48, 49, 55, 61, 127, 128, 255, random.randrange(256)]
        )


def insert_bytes(tar: bytearray, random: Random) -> None:
    """Shift the rest by inserted bytes or blocks of zeros."""
    place = random.randrange(len(tar) + 1) if random.randrange(2) else _place(tar, random)
    tar[place:place] = bytes(random.choice([1, BLOCK, len(END)]))


def delete_bytes(tar: bytearray, random: Random) -> None:
    """Leave out bytes or a whole block."""
    place = random.randrange(len(tar) + 1) if random.randrange(2) else _place(tar, random)
    del tar[place : place + random.choice([1, BLOCK])]


def repeat_block(tar: bytearray, random: Random) -> None:
    """Write a block a second time, somewhere."""
    source, place = _place(tar, random), _place(tar, random)
    tar[place:place] = tar[source : source + BLOCK]


def cut(tar: bytearray, random: Random) -> None:
    """Leave out the end."""
    del tar[_place(tar, random) :]


def _place(tar: bytes | bytearray, random: Random) -> int:
    return random.randrange(len(tar) // BLOCK + 1) * BLOCK


MUTATIONS: tuple[Mutation, ...] = (
    change_field,
    change_field,
    change_field,
    insert_extension,
    insert_extension,
    insert_member,
    change_byte,
    insert_bytes,
    delete_bytes,
    repeat_block,
    cut,
)
