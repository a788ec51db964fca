"""Reads a bundle as a stream: the members of its tar, and sections of its bytes.

Called by the stages. Nothing is extracted and no list of members is kept, so memory does not grow with the bundle. The
format is documented in docs/reference/bundle-format.md: files below `data/`, and `metadata.txt`.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ingest.bundles.alike_names import differing, likeness
from ingest.bundles.macos_members import MacosMembers, is_of_macos
from ingest.bundles.member_kinds import SPARSE, kind_of
from ingest.bundles.names import DATA_FOLDER, join_below_data, name_fault, relative_path, split_name
from ingest.bundles.tar_blocks import BLOCK, VOLUME_LABEL
from ingest.bundles.tar_headers import FOLDER, OLD_REGULAR, REGULAR, Header, headers
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidBundle

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
# Formats that do not contain a tar.
NO_TARS = frozenset({"zip", "7z"})
# Members without contents.
SKIPPED = frozenset({FOLDER, VOLUME_LABEL})


@dataclass(frozen=True)
class Member:
    """A regular file in a tar: its path below `data/`, and where its `size` bytes begin.

    `metadata.txt` has the path None.
    """

    path: str | None
    offset: int
    size: int


class Section(io.RawIOBase):
    """A part of a file, readable as a file: `size` bytes from `offset`. Sections can share a file."""

    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._offset = offset
        self._left = size

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, by default all that are left; b"" at the end."""
        wanted = self._left if size < 0 else min(size, self._left)
        if not wanted:
            return b""
        data = os.pread(self._file.fileno(), wanted, self._offset)
        self._offset += len(data)
        self._left -= len(data)
        return data

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill a buffer and return the number of bytes; buffered readers call this method."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


@contextmanager
def open_section(path: Path, offset: int, size: int) -> Iterator[Section]:
    """Open `size` bytes of a file from `offset`."""
    with path.open("rb", buffering=0) as file:
        yield Section(file, offset, size)


def members(path: Path, faults: FaultList) -> Iterator[Member]:
    """Read the tar's headers in order and yield its regular files; folders and the tar's volume label are skipped.

    Members that are not accepted are added to `faults`; reading ends where the tar is unreadable.
    """
    of_macos = MacosMembers(faults)
    with path.open("rb") as file:
        try:
            _refuse_compressed(file)
            for header in headers(file, path.stat().st_size):
                is_nothing = header.kind in SKIPPED and not header.is_sparse
                if not is_nothing and (member := _member(header, faults, of_macos)) is not None:
                    yield member
        except InvalidBundle as error:
            faults.take(error)


def _refuse_compressed(file: BinaryIO) -> None:
    beginning = file.read(BLOCK)
    for magic, name in COMPRESSED.items():
        if beginning.startswith(magic):
            sentence = f"the bundle is compressed ({name}); send the uncompressed tar"
            made_by = " (7-Zip makes one with 7z a -ttar)" if name in NO_TARS else ""
            raise InvalidBundle(sentence + made_by, FaultCode.TAR_COMPRESSED)


def _member(header: Header, faults: FaultList, of_macos: MacosMembers) -> Member | None:
    if header.is_sparse or header.kind not in (REGULAR, OLD_REGULAR):
        kind = SPARSE if header.is_sparse else kind_of(header.kind)
        advice = f": {kind.advice}" if kind.advice else ""
        faults.add(kind.fault, f"member {header.shown} is a {kind.called}; only regular files are accepted{advice}")
        return None
    name = header.name.decode("utf-8", "surrogateescape")
    parts = split_name(name)
    is_metadata = parts == [METADATA_NAME]
    path = None if is_metadata else join_below_data(parts)
    # As in the metadata, the limits are those of the path below data/.
    found = name_fault(path or name)
    if not found and (name.startswith("/") or not (is_metadata or (path and parts[0] == DATA_FOLDER))):
        found = FaultCode.MEMBER_OUTSIDE_DATA, _outside(parts)
    if is_of_macos(name):
        of_macos.add(header.shown, refused=found is not None)
    elif found:
        faults.add(found[0], f"member {header.shown} {found[1]}")
    return None if found else Member(path, header.offset, header.size)


def _outside(parts: list[str]) -> str:
    """Return a phrase about a member in the wrong place; it explains a first folder that only looks like the right one."""
    sentence = f"is neither {METADATA_NAME} nor a file below {DATA_FOLDER}/"
    for wanted in (DATA_FOLDER, METADATA_NAME):
        if parts and parts[0] != wanted and likeness(parts[0]) == likeness(wanted):
            sentence += f" ({differing(parts[0], wanted)})"
    return sentence
