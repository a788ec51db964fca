"""Headers that are false or ambiguous: each ends the reading."""

from pathlib import Path

from ingest.errors.fault_codes import FaultCode
from tests.corpus.archive_cases.builders import GOOD, around, blocks, refused
from tests.corpus.case import Build, Case
from tools.tar_blocks import BLOCK, END, extended, extension, file, header, padded, record, with_checksum

INNER = file("data/hidden", b"secret")
GLOBAL = b"g"
# The advice for headers that no option of a tar program avoids.
ANOTHER_PROGRAM = "make the tar with another program"


def claiming(size: int) -> Build:
    """Return a small bundle whose second member claims a size."""
    return blocks(GOOD, header("data/big", size), b"x" * 10_000)


def changed(block: bytes, place: slice, content: bytes) -> bytes:
    """Return a header with changed bytes and a correct checksum."""
    return with_checksum(block[: place.start] + content + block[place.stop :])


def sparse_claim(path: Path) -> None:
    """Write a sparse file of a terabyte whose tar claims ten."""
    with path.open("wb") as tar:
        tar.write(GOOD + header("data/big", 10 * 10**12))
        tar.truncate(10**12)


def ambiguous(name: str, build: Build, says: str, advice: str = ANOTHER_PROGRAM) -> Case:
    """Return a case of an ambiguous header."""
    return refused(name, build, FaultCode.HEADER_AMBIGUOUS, "can be read in two ways", says, advice)


def malformed(name: str, records: bytes, says: str) -> Case:
    """Return a case of a malformed PAX header."""
    words = "the extended header at byte 1024 is malformed"
    return refused(name, around(extension(records), file("data/a", b"x")), FaultCode.EXTENSION_MALFORMED, words, says)


def broken(name: str, block: bytes, says: str) -> Case:
    """Return a case of a header with an invalid field."""
    words = "the header at byte 1024 is broken"
    return refused(name, around(block), FaultCode.HEADER_BROKEN, words, says, ANOTHER_PROGRAM)


A = header("data/a", 0)
SIZE, CHECKSUM, MODE, PREFIX = slice(124, 136), slice(148, 156), slice(100, 108), slice(345, 500)

CASES: list[Case] = [
    refused(
        "10 TB claimed in 10 kB",
        claiming(10 * 10**12),
        FaultCode.TAR_CUT,
        "member 'data/big' claims 10000000000000 bytes",
    ),
    refused(
        "10 TB claimed in a sparse terabyte", sparse_claim, FaultCode.TAR_CUT, "member 'data/big' claims 10000000000000"
    ),
    refused(
        "size of 88 bits", around(changed(A, SIZE, b"\x80" + b"\xff" * 11)), FaultCode.TAR_CUT, "member 'data/a' claims"
    ),
    broken("size of -1", header("data/b", -1), "it claims a negative size"),
    broken("size that leads back to the first header", header("data/b", -1536), "it claims a negative size"),
    broken("size of letters", changed(A, SIZE, b"abcdefghijk\0"), "its size is not a number"),
    broken("size of nothing", changed(A, SIZE, bytes(12)), "its size is not a number"),
    broken("size with a sign", changed(A, SIZE, b"-0000000001\0"), "its size is not a number"),
    broken("size with an underscore", changed(A, SIZE, b"0000000_001\0"), "its size is not a number"),
    broken("mode that is not a number", changed(A, MODE, b"rwxrwxrw"), "its mode is not a number"),
    broken("wrong checksum in the middle", b"X" + A[1:], "its checksum is wrong"),
    broken("checksum of letters", A[:148] + b"checksum" + A[156:], "its checksum is wrong"),
    broken("checksum of nothing", A[:148] + bytes(8) + A[156:], "its checksum is wrong"),
    ambiguous(
        "PAX size that hides a member (CVE-2025-62518)",
        around(extended(size=str(len(INNER))), header("data/outer", 0), INNER),
        "its size is 0 bytes there, but 1024 in its PAX header",
    ),
    ambiguous(
        "PAX size that shows a member",
        around(extended(size="0"), file("data/outer", INNER)),
        "its size is 1024 bytes there, but 0 in its PAX header",
    ),
    ambiguous(
        "PAX size of another size", around(extended(size="2"), file("data/a", b"x")), "its size is 1 bytes there, but 2"
    ),
    refused(
        "PAX size that is right and too large",
        around(extended(size=str(10**13)), header("data/a", 0)),
        FaultCode.TAR_CUT,
        "member 'data/a' claims 10000000000000 bytes",
    ),
    ambiguous(
        "PAX size twice",
        around(extension(record("size", "1") * 2), file("data/a", b"x")),
        "its record size is repeated",
    ),
    ambiguous(
        "PAX path twice",
        around(extension(record("path", "data/x") + record("path", "data/y")), file("data/a", b"x")),
        "its record path is repeated",
    ),
    ambiguous(
        "PAX path and GNU long name",
        around(extended(path="data/x"), header("l", 7, b"L"), padded(b"data/y\0"), file("data/a", b"x")),
        "it repeats the member's name",
    ),
    ambiguous("PAX path of nothing", around(extended(path=""), file("data/a", b"x")), "or the name is empty"),
    ambiguous(
        "global header that names all members",
        around(extension(record("path", "data/x"), GLOBAL), file("data/a", b"x")),
        "a global header sets 'path'",
    ),
    ambiguous(
        "global header that sizes all members",
        around(extension(record("size", "1"), GLOBAL), file("data/a", b"x")),
        "a global header sets 'size'",
    ),
    ambiguous(
        "global header that links all members",
        around(extension(record("linkpath", "/etc"), GLOBAL), file("data/a", b"x")),
        "a global header sets 'linkpath'",
    ),
    ambiguous(
        "symbolic link with bytes",
        around(header("data/a", 512, b"2"), bytes(BLOCK)),
        "the symbolic link 'data/a' claims 512 bytes",
        "leave it out",
    ),
    ambiguous(
        "volume label with bytes",
        around(header("run 7", 512, b"V"), bytes(BLOCK)),
        "the volume label 'run 7' claims 512 bytes",
    ),
    ambiguous(
        "folder of the oldest format with bytes",
        around(header("data/a/", 512, b"\0"), INNER),
        "the name of a file ends with a slash",
    ),
    ambiguous(
        "file named as a folder", around(header("data/a/", 1), padded(b"x")), "the name of a file ends with a slash"
    ),
    ambiguous(
        "prefix that GNU tar takes for times",
        around(changed(A, PREFIX, b"data".ljust(155, b"\0"))),
        "GNU tar reads times where Python's tarfile and 7-Zip read the beginning of the name",
        "make the tar with --format=posix (.NET: TarEntryFormat.Pax)",
    ),
    ambiguous(
        "times of GNU tar --listed-incremental, and of .NET 7",
        around(changed(A, PREFIX, b"15303167333\x0015303167333".ljust(155, b"\0"))),
        "GNU tar reads times where",
        "make the tar with --format=posix",
    ),
    ambiguous(
        "something in the padding of a PAX header",
        around(
            header("pax", len(record("comment", "c")), b"x"),
            (record("comment", "c") + record("path", "data/z")).ljust(BLOCK, b"\0"),
            file("data/a", b"x"),
        ),
        "data follows its end",
    ),
    malformed("PAX size of -1", record("size", "-1"), "its size is not a number"),
    malformed(
        "PAX size of -1536, which leads back (CVE-2025-8194)", record("size", "-1536"), "its size is not a number"
    ),
    malformed("PAX size of letters", record("size", "x"), "its size is not a number"),
    malformed("PAX size of 5000 digits", record("size", "9" * 5000), "its size is not a number"),
    malformed("record that is longer than its header", b"99 path=data/x\n", "the length of a record is wrong"),
    malformed("record that is shorter than it says", b"11 path=data/x\n", "the length of a record is wrong"),
    malformed("record of length 0", b"0 path=data/x\n", "the length of a record is wrong"),
    malformed("record of a negative length", b"-15 path=data/x\n", "the length of a record is wrong"),
    malformed("record of an endless length", b"9" * 600 + b" path=data/x\n", "the length of a record is wrong"),
    malformed("record without a line end", b"15 path=data/xy", "the length of a record is wrong"),
    malformed("record without a key", b"12 =data/x\n\n", "a record has no key"),
    malformed("record without an equals sign", b"11 datapth\n", "a record has no key"),
    malformed("character set that nobody knows", record("hdrcharset", "EBCDIC"), "it names an unknown character set"),
    refused(
        "GNU long name with a NUL",
        around(header("l", 14, b"L"), padded(b"data/a\0data/b\0"), file("data/c", b"x")),
        FaultCode.EXTENSION_MALFORMED,
        "its long name is empty or contains a NUL",
    ),
    refused(
        "GNU long name of nothing",
        around(header("l", 0, b"L"), file("data/c", b"x")),
        FaultCode.EXTENSION_MALFORMED,
        "its long name is empty or contains a NUL",
    ),
    refused(
        "PAX headers without end",
        blocks(extended(comment="x") * 20_000, GOOD, END),
        FaultCode.EXTENSION_EXCESSIVE,
        "an extended header is repeated before one member, at byte 1024",
    ),
    refused(
        "GNU long names without end",
        blocks((header("l", 7, b"L") + padded(b"data/a\0")) * 20_000, GOOD, END),
        FaultCode.EXTENSION_EXCESSIVE,
        "an extended header is repeated before one member",
    ),
    refused(
        "global headers without end",
        blocks(extension(record("comment", "x"), GLOBAL) * 20_000, GOOD, END),
        FaultCode.EXTENSION_EXCESSIVE,
        "an extended header is repeated before one member",
    ),
    refused(
        "PAX header of a terabyte",
        around(header("pax", 10**12, b"x"), file("data/a", b"x")),
        FaultCode.EXTENSION_EXCESSIVE,
        "the extended header at byte 1024 claims 1000000000000 bytes",
    ),
    refused(
        "PAX header of 1.2 MB for an attribute of macOS",
        around(extension(record("mtime", "1") + record("LIBARCHIVE.xattr.com.apple.ResourceFork", "QUJD" * 300_000))),
        FaultCode.EXTENSION_EXCESSIVE,
        "at byte 1024 claims 1200060 bytes, more than 1048576, 1200049 of them for 'LIBARCHIVE.xattr.com.apple.Resource",
        "make the tar with --no-xattrs (macOS: COPYFILE_DISABLE=1 tar --no-xattrs --no-mac-metadata)",
    ),
    refused(
        "PAX header of 1.2 MB for a list of files",
        around(extension(record("mtime", "1") + record("GNU.dumpdir", "Yname\0" * 200_000))),
        FaultCode.EXTENSION_EXCESSIVE,
        "1200021 of them for 'GNU.dumpdir'; make the tar without --listed-incremental",
    ),
    refused(
        "PAX header of 1.2 MB for another thing",
        around(extension(record("comment", "x" * 1_200_000))),
        FaultCode.EXTENSION_EXCESSIVE,
        "1200017 of them for 'comment'",
        ANOTHER_PROGRAM,
    ),
    refused(
        "later volume of a tar",
        blocks(extension(record("GNU.volume.filename", "data/a") + record("GNU.volume.size", "1"), GLOBAL), GOOD, END),
        FaultCode.MEMBER_IS_SPECIAL,
        "the tar is not the first of several volumes",
        "make the tar in one volume (without --multi-volume)",
    ),
    refused(
        "GNU long name of a terabyte",
        around(header("l", 10**12, b"L"), file("data/a", b"x")),
        FaultCode.EXTENSION_EXCESSIVE,
        "the extended header at byte 1024 claims 1000000000000 bytes",
    ),
    refused(
        "PAX header of 90,000 records",
        around(extension(b"".join(record(f"k{number}", "") for number in range(90_000))), file("x", b"x")),
        FaultCode.MEMBER_OUTSIDE_DATA,
        "member 'x'",
    ),
]
