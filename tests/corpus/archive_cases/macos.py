"""Members that macOS adds to a tar: refused together with advice, or accepted if the metadata lists them."""

from ingest.errors.fault_codes import FaultCode
from ingest.errors.types import InvalidMetadata
from ingest.states.stages import Stage
from tests.corpus.archive_cases.builders import accepted, blocks, listing, refused
from tests.corpus.case import Build, Case, Refused
from tools.tar_blocks import END, extended, file, header

APPLE_DOUBLE = bytes.fromhex("00051607 00020000") + b"Mac OS X".ljust(74)
ADDED = "macOS added members that are not data: "
ADVICE = "; make the tar with COPYFILE_DISABLE=1 tar --no-mac-metadata --exclude '._*' --exclude .DS_Store"


def added(*names: str) -> Build:
    """Return a bundle of one file and members with these names."""
    members = (file(name, APPLE_DOUBLE) for name in names)
    return blocks(header("data/", kind=b"5"), *members, file("data/one", b"one"), listing(one=b"one"), END)


def unlisted(name: str, *members: str) -> Case:
    """Return a bundle whose tar is valid but does not match its metadata."""
    says = ADDED + ", ".join(repr(member.removeprefix("data/")) for member in members)
    return Refused(
        name, added(*members), Stage.LOAD_METADATA, InvalidMetadata, (FaultCode.MEMBER_OF_MACOS,), (says, ADVICE)
    )


CASES: list[Case] = [
    refused(
        "macOS: AppleDouble members beside data and metadata",
        added("data/._one", "./._data", "data/a/._two", "data/.DS_Store", "._metadata.txt"),
        FaultCode.MEMBER_OF_MACOS,
        f"{ADDED}'data/._one', './._data', 'data/a/._two', 'data/.DS_Store', '._metadata.txt'{ADVICE}",
    ),
    refused(
        "macOS: a hundred thousand AppleDouble members",
        blocks(file("data/._a", b"x"), file("._b", b"x") * 99_999, END),
        FaultCode.MEMBER_OF_MACOS,
        "'._b' and 99900 more; make the tar with COPYFILE_DISABLE=1",
    ),
    refused(
        "macOS: AppleDouble members and another fault",
        added("._metadata.txt", "other"),
        (FaultCode.MEMBER_OF_MACOS, FaultCode.MEMBER_OUTSIDE_DATA),
        f"{ADDED}'._metadata.txt'{ADVICE}",
        "member 'other' is neither",
    ),
    refused(
        "macOS: icon of a folder",
        blocks(extended(path="data/Icon\r") + file("data/x"), file("data/.DS_Store"), END),
        FaultCode.MEMBER_OF_MACOS,
        rf"{ADDED}'data/Icon\r', 'data/.DS_Store'",
        r"--exclude $'Icon\r'",
    ),
    unlisted("macOS: AppleDouble members below data", "data/._one", "data/a/._two"),
    unlisted("macOS: what Finder wrote", "data/.DS_Store", "data/a/.DS_Store"),
    accepted(
        "macOS: what Finder wrote, where the metadata lists it",
        blocks(file("data/.DS_Store", b"x"), file("data/._a", b"y"), listing(**{".DS_Store": b"x", "._a": b"y"}), END),
        b"x",
        b"y",
    ),
]
