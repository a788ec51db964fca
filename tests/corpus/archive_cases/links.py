"""Members that are no regular files."""

import tarfile
from pathlib import Path

from ingest.errors import InvalidBundle
from ingest.fault_codes import Fault
from ingest.states import Stage
from tests.corpus.case import Build, Case, Refused
from tests.tar_blocks import END, file


def member_of(kind: bytes, **fields: object) -> Build:
    """A bundle whose second member is of this kind."""

    def build(path: Path) -> None:
        info = tarfile.TarInfo("data/odd")
        info.type = kind
        for name, value in fields.items():
            setattr(info, name, value)
        path.write_bytes(file("data/a", b"a") + info.tobuf(tarfile.PAX_FORMAT) + file("metadata.txt", b"[]") + END)

    return build


def refused(name: str, build: Build, fault: Fault, called: str) -> Refused:
    """A case that names the second member and says what it is."""
    says = f"member 'data/odd' is a {called}; only regular files are taken"
    return Refused(name, build, Stage.OPEN_TAR, InvalidBundle, (fault,), (says,))


CASES: list[Case] = [
    refused(
        "symbolic link out of the archive",
        member_of(tarfile.SYMTYPE, linkname="/etc/passwd"),
        Fault.MEMBER_IS_LINK,
        "symbolic link",
    ),
    refused(
        "symbolic link to a member", member_of(tarfile.SYMTYPE, linkname="a"), Fault.MEMBER_IS_LINK, "symbolic link"
    ),
    refused("hard link", member_of(tarfile.LNKTYPE, linkname="data/a"), Fault.MEMBER_IS_LINK, "hard link"),
]
