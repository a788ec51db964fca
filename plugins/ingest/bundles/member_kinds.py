"""The types of members that are not regular files: name, code of the fault, and how to make a tar without them.

Called by `ingest.bundles.bundle`, and by `ingest.bundles.tar_headers` for the error of a member without data that claims a
size. The types are those of POSIX.1-2017 (pax, "ustar Interchange Format") and of GNU tar ("Basic Tar Format").
"""

from dataclasses import dataclass

from ingest.errors.fault_codes import FaultCode

HARD_LINK, SYMBOLIC_LINK, GNU_SPARSE = b"1", b"2", b"S"


@dataclass(frozen=True, slots=True)
class MemberKind:
    """A type of member that is refused; `advice` is empty if the member can only be left out."""

    fault: FaultCode
    called: str
    advice: str = ""


SPARSE = MemberKind(
    FaultCode.MEMBER_IS_SPARSE,
    "sparse file",
    "make the tar without --sparse (bsdtar, as on macOS: with --no-read-sparse)",
)
KINDS = {
    HARD_LINK: MemberKind(FaultCode.MEMBER_IS_LINK, "hard link"),
    SYMBOLIC_LINK: MemberKind(FaultCode.MEMBER_IS_LINK, "symbolic link"),
    b"3": MemberKind(FaultCode.MEMBER_IS_SPECIAL, "character device"),
    b"4": MemberKind(FaultCode.MEMBER_IS_SPECIAL, "block device"),
    b"6": MemberKind(FaultCode.MEMBER_IS_SPECIAL, "pipe"),
    b"7": MemberKind(FaultCode.MEMBER_IS_SPECIAL, "contiguous file"),
    b"D": MemberKind(
        FaultCode.MEMBER_IS_SPECIAL, "folder of an incremental tar", "make the tar without --listed-incremental"
    ),
    b"M": MemberKind(
        FaultCode.MEMBER_IS_SPECIAL,
        "continuation of a file that begins in another volume",
        "make the tar in one volume (without --multi-volume)",
    ),
    b"N": MemberKind(FaultCode.MEMBER_IS_SPECIAL, "long name of an old GNU tar", "make the tar with --format=posix"),
    GNU_SPARSE: SPARSE,
}


def kind_of(kind: bytes) -> MemberKind:
    """Return the description of a member's type."""
    return KINDS.get(kind) or MemberKind(FaultCode.MEMBER_IS_SPECIAL, f"file of the unknown type {kind!r}")
