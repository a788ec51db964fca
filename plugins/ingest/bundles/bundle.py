"""A bundle, read as a stream: the members of its tar, and sections of its bytes.

Called by the stages. Nothing is extracted and no list of members is kept, so that memory stays flat whatever the size.
The format is that of the documentation: files under `data/`, and `metadata.txt`.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ingest.bundles.names import DATA_FOLDER, name_fault, relative_path
from ingest.bundles.tar_blocks import BLOCK
from ingest.bundles.tar_headers import FOLDER, HARD_LINK, OLD_REGULAR, REGULAR, SYMBOLIC_LINK, Header, headers
from ingest.errors import InvalidBundle
from ingest.fault_codes import Fault
from ingest.faults import Faults

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "BLOCK",
    "DATA_FOLDER",
    "METADATA_NAME",
    "Member",
    "Section",
    "members",
    "open_section",
    "relative_path",
]

METADATA_NAME = "metadata.txt"
COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\x1f\x9d": "compress",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"LZIP": "lzip",
    b"PK": "zip",
    b"7z\xbc\xaf": "7z",
}
KINDS = {
    HARD_LINK: (Fault.MEMBER_IS_LINK, "hard link"),
    SYMBOLIC_LINK: (Fault.MEMBER_IS_LINK, "symbolic link"),
    b"3": (Fault.MEMBER_IS_SPECIAL, "character device"),
    b"4": (Fault.MEMBER_IS_SPECIAL, "block device"),
    b"6": (Fault.MEMBER_IS_SPECIAL, "pipe"),
    b"7": (Fault.MEMBER_IS_SPECIAL, "contiguous file"),
}


@dataclass(frozen=True)
class Member:
    """A regular file in a tar: its path below `data/`, and where its `size` bytes begin.

    `metadata.txt` has the path None.
    """

    path: str | None
    offset: int
    size: int


class Section(io.RawIOBase):
    """A part of a file as a file: `size` bytes from `offset`. Sections may share the file: its own position is not used."""

    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._offset = offset
        self._left = size

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give up to `size` bytes, all that are left without it; b"" at the end."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = os.pread(self._file.fileno(), wanted, self._offset)
        self._offset += len(data)
        self._left -= len(data)
        return data

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill a buffer and give how many bytes it holds; a buffered reader reads in this way."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


@contextmanager
def open_section(path: Path, offset: int, size: int) -> Iterator[Section]:
    """Open `size` bytes of a file from `offset`."""
    with path.open("rb", buffering=0) as file:
        yield Section(file, offset, size)


def members(path: Path, faults: Faults) -> Iterator[Member]:
    """Read the tar's headers in order and give its regular files; folders are passed over.

    What cannot be taken goes to `faults`; the reading ends where the tar cannot be read on.
    """
    with path.open("rb") as file:
        try:
            _refuse_compressed(file)
            for header in headers(file, path.stat().st_size):
                is_folder = header.kind == FOLDER and not header.is_sparse
                if not is_folder and (member := _member(header, faults)) is not None:
                    yield member
        except InvalidBundle as error:
            faults.take(error)


def _refuse_compressed(file: BinaryIO) -> None:
    beginning = file.read(BLOCK)
    for magic, name in COMPRESSED.items():
        if beginning.startswith(magic):
            raise InvalidBundle(f"the bundle is compressed ({name}); send the tar as it is", Fault.TAR_COMPRESSED)


def _member(header: Header, faults: Faults) -> Member | None:
    if header.is_sparse or header.kind not in (REGULAR, OLD_REGULAR):
        fault, kind = _kind(header)
        faults.add(fault, f"member {header.shown} is a {kind}; only regular files are taken")
        return None
    name = header.name.decode("utf-8", "surrogateescape")
    if found := name_fault(name):
        fault, sentence = found
        faults.add(fault, f"member {header.shown} {sentence}")
        return None
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if parts == [METADATA_NAME] and not name.startswith("/"):
        return Member(None, header.offset, header.size)
    path = relative_path(name)
    if path is None or name.startswith("/") or parts[0] != DATA_FOLDER:
        sentence = f"member {header.shown} is neither {METADATA_NAME} nor a file below {DATA_FOLDER}/"
        faults.add(Fault.MEMBER_OUTSIDE_DATA, sentence)
        return None
    return Member(path, header.offset, header.size)


def _kind(header: Header) -> tuple[Fault, str]:
    if header.is_sparse:
        return Fault.MEMBER_IS_SPARSE, "sparse file"
    unknown = Fault.MEMBER_IS_SPECIAL, f"thing of the unknown type {header.kind!r}"
    return KINDS.get(header.kind, unknown)
