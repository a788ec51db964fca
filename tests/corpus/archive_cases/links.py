"""Members that are not regular files."""

import tarfile

from ingest.errors.fault_codes import FaultCode
from tests.corpus.archive_cases.builders import GOOD, around, blocks, refused
from tests.corpus.case import Build, Case
from tools.tar_blocks import END, extended, file, header


def member_of(kind: bytes, **fields: object) -> Build:
    """Return a bundle whose second member has this type."""
    info = tarfile.TarInfo("data/odd")
    info.type = kind
    for name, value in fields.items():
        setattr(info, name, value)
    return blocks(GOOD, info.tobuf(tarfile.PAX_FORMAT), file("metadata.txt", b"[]"), END)


def odd(name: str, build: Build, fault: FaultCode, called: str) -> Case:
    """Return a case whose text names the second member and its type."""
    return refused(name, build, fault, f"member 'data/odd' is a {called}; only regular files are accepted")


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Case:
    """Return a case of a link."""
    called = "symbolic link" if kind == tarfile.SYMTYPE else "hard link"
    return odd(name, member_of(kind, linkname=target), FaultCode.MEMBER_IS_LINK, called)


def special(name: str, kind: bytes, called: str, **fields: object) -> Case:
    """Return a case of a member of another type."""
    return odd(name, member_of(kind, **fields), FaultCode.MEMBER_IS_SPECIAL, called)


def sparse(name: str, **records: str) -> Case:
    """Return a sparse file in PAX format."""
    build = around(extended(**records), file("data/odd", b"1\n0\n4\n".ljust(512, b"\0") + b"data"))
    return odd(name, build, FaultCode.MEMBER_IS_SPARSE, "sparse file")


CASES: list[Case] = [
    link("symbolic link out of the archive", "/etc/passwd"),
    link("symbolic link upwards", "../../secret"),
    link("symbolic link to a member", "one"),
    link("symbolic link to itself", "odd"),
    link("symbolic link to a very long target", "/".join(["x" * 99] * 9)),
    link("hard link to a member", "data/one", tarfile.LNKTYPE),
    link("hard link out of the archive (CVE-2007-4559)", "../../etc/passwd", tarfile.LNKTYPE),
    special("character device", tarfile.CHRTYPE, "character device", devmajor=1, devminor=5),
    special("block device", tarfile.BLKTYPE, "block device", devmajor=8),
    special("pipe", tarfile.FIFOTYPE, "pipe"),
    special("contiguous file", tarfile.CONTTYPE, "contiguous file"),
    special("folder of an incremental tar", b"D", "folder of an incremental tar"),
    special("rest of a file on another volume", b"M", "continuation of a file that begins in another volume"),
    special("long name of an old GNU tar", b"N", "long name of an old GNU tar"),
    special("type that is a control character", b"\x1b", r"file of the unknown type b'\x1b'"),
    odd(
        "sparse file of GNU's old format",
        around(header("data/odd", 0, b"S")),
        FaultCode.MEMBER_IS_SPARSE,
        "sparse file",
    ),
    sparse("sparse file of PAX 0.0", GNU__sparse__size="4", GNU__sparse__numblocks="1", GNU__sparse__offset="0"),
    sparse("sparse file of PAX 0.1", GNU__sparse__size="4", GNU__sparse__map="0,4"),
    sparse("sparse file of PAX 1.0", GNU__sparse__major="1", GNU__sparse__minor="0", GNU__sparse__realsize="4"),
    sparse("sparse file with a map of letters", GNU__sparse__map="x,y", GNU__sparse__size="z"),
]
