"""Faulty `Files` entries."""

from typing import Any

from ingest.errors.fault_codes import FaultCode
from tests.corpus.case import Case
from tests.corpus.metadata_cases.builders import CONTENT, FILE, document, file_with, refused
from tools.bundles import file_entry

UNLISTED, LACKING = FaultCode.MEMBER_UNLISTED, FaultCode.FILE_LACKING
SHA1 = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"
SIZE = '"size" must be the number of bytes'
TEXTS = '"name" and "subdir" must be texts'
CONTROLS = '"name" or "subdir" contains a control character'
OUTSIDE = '"subdir" and "name" do not make a path below data/'
LONG = "its path has more than 4095 bytes, or 255 characters between two slashes"
DIGITS = '"hashsum" must be the 40 hexadecimal digits of its sha1'


def without(key: str) -> bytes:
    """Return the metadata of the file without one of its keys."""
    entry = file_entry("data/a", CONTENT)
    del entry[key]
    return document(entry)


def sized(name: str, size: Any) -> Case:
    """Return a case of a file with an invalid size."""
    return refused(f"size {name}", file_with(size=size), FaultCode.SIZE_MALFORMED, says=f"{FILE}{SIZE}")


def hashed(name: str, hash_sum: Any) -> Case:
    """Return a case of a file with an invalid hash."""
    return refused(f"hash {name}", file_with(hashsum=hash_sum), FaultCode.HASH_MALFORMED, says=f"{FILE}{DIGITS}")


def named(case: str, fault: FaultCode, says: str, **changes: Any) -> Case:
    """Return a case of a file with an invalid path, so that the tar's member is not listed."""
    return refused(f"name {case}", file_with(**changes), fault, UNLISTED, says=(says, "member 'a' is not listed"))


CASES: list[Case] = [
    refused(
        "file without a name", without("name"), FaultCode.PATH_MALFORMED, UNLISTED, says=f"entry 4 ('None'): {TEXTS}"
    ),
    refused("file without a size", without("size"), FaultCode.SIZE_MALFORMED, says=f"{FILE}{SIZE}"),
    refused("file without a hash", without("hashsum"), FaultCode.HASH_MALFORMED, says=f"{FILE}{DIGITS}"),
    refused(
        "file without a hash type",
        without("hashtype"),
        FaultCode.HASH_TYPE_UNKNOWN,
        says=f'{FILE}"hashtype" must be one of',
    ),
    sized("negative", -1),
    sized("in words", "one"),
    sized("with a unit", "1 kB"),
    sized("with a fraction", 1.5),
    sized("beyond what double precision keeps exactly", 2.0**53),
    sized("with an exponent in a text", "1e0"),
    sized("boolean", True),
    sized("null", None),
    sized("in a list", [1]),
    sized("of 19 digits", 10**18),
    sized("in other digits", "\u0661"),
    refused(
        "size wrong", file_with(size=2), FaultCode.SIZE_DIFFERS, says="file 'a' has 1 bytes, the metadata declares 2"
    ),
    hashed("too short", SHA1[:-1]),
    hashed("too long", SHA1 + "0"),
    hashed("no hexadecimal digits", "g" * 40),
    hashed("of another type", "0cc175b9c0f1b6a831c399e269772661"),
    hashed("named twice", f"sha1:sha1:{SHA1}"),
    hashed("a number", 5),
    hashed("in a list", [SHA1]),
    hashed("with a line end", f"{SHA1}\n"),
    refused(
        "hash type unknown",
        file_with(hashtype="crc32"),
        FaultCode.HASH_TYPE_UNKNOWN,
        says="one of md5, sha1, sha224, sha256",
    ),
    refused(
        "hash type in a list",
        file_with(hashtype=["sha1"]),
        FaultCode.HASH_TYPE_UNKNOWN,
        says=f'{FILE}"hashtype" must be',
    ),
    named("empty", FaultCode.PATH_MALFORMED, TEXTS, name=""),
    named("null", FaultCode.PATH_MALFORMED, TEXTS, name=None),
    named("in a list", FaultCode.PATH_MALFORMED, TEXTS, name=["a"]),
    named("in a folder that is a number", FaultCode.PATH_MALFORMED, TEXTS, subdir=5),
    named("with a line end", FaultCode.PATH_HOLDS_CONTROLS, rf"entry 4 ('a\nb'): {CONTROLS}", name="a\nb"),
    named("with a terminal escape", FaultCode.PATH_HOLDS_CONTROLS, rf"entry 4 ('\x1b[2J'): {CONTROLS}", name="\x1b[2J"),
    named("with an eight-bit escape", FaultCode.PATH_HOLDS_CONTROLS, CONTROLS, name="\x9b2J"),
    named("in a folder with a carriage return", FaultCode.PATH_HOLDS_CONTROLS, CONTROLS, subdir="data/a\rb"),
    named("of 10,000 characters", FaultCode.PATH_TOO_LONG, LONG, name="x" * 10_000),
    named("of 256 letters of three bytes", FaultCode.PATH_TOO_LONG, LONG, name="日" * 256),
    named("in folders of 10,000 characters", FaultCode.PATH_TOO_LONG, LONG, subdir="data/" + "long/" * 2_000),
    named("that leads upwards", FaultCode.PATH_OUTSIDE_DATA, OUTSIDE, name="../a"),
    named("in a folder that leads upwards", FaultCode.PATH_OUTSIDE_DATA, OUTSIDE, subdir="data/../../etc"),
    named("of dots and slashes", FaultCode.PATH_OUTSIDE_DATA, OUTSIDE, subdir="./", name="//."),
    refused(
        "name absolute",
        file_with(name="/etc/passwd"),
        UNLISTED,
        LACKING,
        says=("file 'etc/passwd' is listed in the metadata, but missing from the bundle", "member 'a' is not listed"),
    ),
    refused(
        "mimetype null", file_with(mimetype=None), FaultCode.VALUE_MALFORMED, says=f'{FILE}"mimetype" must be a text;'
    ),
    refused(
        "mtime with a fraction",
        file_with(mtime=1.5),
        FaultCode.VALUE_MALFORMED,
        says=f'{FILE}"mtime" must be a text, or whole seconds',
    ),
    refused(
        "ctime in a list",
        file_with(ctime=[]),
        FaultCode.VALUE_MALFORMED,
        says=f'{FILE}"ctime" must be a text, or whole seconds',
    ),
    refused(
        "file twice",
        document(file_entry("data/a", CONTENT), file_entry("data/a", CONTENT)),
        FaultCode.FILE_LISTED_TWICE,
        says="file 'a' is listed twice in the metadata",
    ),
    refused(
        "file twice in other words",
        document(file_entry("data/a", CONTENT), file_entry("data/a", CONTENT, subdir="", name="./a")),
        FaultCode.FILE_LISTED_TWICE,
        says="file 'a' is listed twice in the metadata",
    ),
    refused("no file", document(), UNLISTED, says="member 'a' is not listed in the metadata"),
    refused(
        "file that the tar lacks",
        document(file_entry("data/a", CONTENT), file_entry("data/b", CONTENT)),
        LACKING,
        says="file 'b' is listed in the metadata, but missing from the bundle",
    ),
    refused(
        "everything together",
        document(
            file_entry("data/a", CONTENT, size=-1, hashtype="?", mimetype=1), file_entry("data/b", CONTENT, name=5)
        ),
        FaultCode.SIZE_MALFORMED,
        FaultCode.HASH_TYPE_UNKNOWN,
        FaultCode.VALUE_MALFORMED,
        FaultCode.PATH_MALFORMED,
        says=(f"{FILE}{SIZE}", f'{FILE}"hashtype" must be', f'{FILE}"mimetype" must be', f"entry 5 ('5'): {TEXTS}"),
    ),
]
