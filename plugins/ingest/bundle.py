"""A bundle, read as a stream: the members of its tar, and sections of its bytes.

Called by the stages. Nothing is extracted and no list of members is kept, so that memory stays flat whatever the size.
The format is that of the documentation: files under `data/`, and `metadata.txt`.
"""

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ingest.errors import InvalidBundle
from ingest.fault_codes import Fault
from ingest.faults import Faults
from ingest.printing import printable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

METADATA_NAME = "metadata.txt"
DATA_FOLDER = "data"
BLOCK = tarfile.BLOCKSIZE
TAIL_BLOCK = 1024 * 1024
EXTENSIONS = frozenset(
    {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
)
LARGEST_EXTENSION = 1024 * 1024
COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
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
    """A part of a file as a file: `size` bytes from `offset`."""

    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._left = size
        file.seek(offset)

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give up to `size` bytes, all that are left without it; b"" at the end."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill a buffer and give how many bytes it holds; ijson reads in this way."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


class BoundedTarInfo(tarfile.TarInfo):
    """A header whose extensions (PAX, GNU long names) are small: tarfile reads them whole."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in EXTENSIONS and not 0 <= self.size <= LARGEST_EXTENSION:
            raise tarfile.ReadError(f"an extended header claims {self.size} bytes")
        return super()._proc_member(tar)  # type: ignore[misc, no-any-return]


@contextmanager
def open_section(path: Path, offset: int, size: int) -> Iterator[Section]:
    """Open `size` bytes of a file from `offset`."""
    with path.open("rb", buffering=0) as file:
        yield Section(file, offset, size)


def relative_path(*names: str) -> str | None:
    """Join names to the path below `data/`, as both the tar and the metadata may write it; None if it leads elsewhere.

    `data/a/b/` and `c`, `data//a/b` and `c`, `a/b` and `c` all give `a/b/c`, as in the original service.
    """
    parts = [part for name in names for part in name.split("/") if part not in ("", ".")]
    if parts and parts[0] == DATA_FOLDER:
        del parts[0]
    if not parts or ".." in parts or not _is_text("/".join(parts)):
        return None
    return "/".join(parts)


def members(path: Path) -> Iterator[Member]:
    """Read the tar's headers in order and give its regular files; folders are passed over.

    Raises InvalidBundle, at the end with all members that cannot be taken, at once where the tar cannot be read on.
    """
    faults = Faults()
    _refuse_compressed(path)
    size = path.stat().st_size
    try:
        with tarfile.open(path, "r:", encoding="utf-8", tarinfo=BoundedTarInfo) as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined] # tarfile keeps every header it has seen
                _check_extent(info, size)
                if (member := _member(info, faults)) is not None:
                    yield member
            _check_end(path, tar.offset)
    except (tarfile.TarError, UnicodeDecodeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidBundle(f"the bundle is not a readable tar: {error}", Fault.TAR_UNREADABLE) from error
    faults.raise_as(InvalidBundle)


def _refuse_compressed(path: Path) -> None:
    with path.open("rb") as file:
        beginning = file.read(BLOCK)
    for magic, name in COMPRESSED.items():
        if beginning.startswith(magic):
            raise InvalidBundle(f"the bundle is compressed ({name}); send the tar as it is", Fault.TAR_COMPRESSED)


def _check_extent(info: tarfile.TarInfo, size: int) -> None:
    if info.size < 0 or (info.isreg() and info.offset_data + info.size > size):
        claimed = f"member {printable(info.name)} claims {info.size} bytes"
        raise InvalidBundle(f"the bundle is cut short: {claimed}", Fault.TAR_CUT)


def _member(info: tarfile.TarInfo, faults: Faults) -> Member | None:
    if info.isdir():
        return None
    name = printable(info.name)
    if info.issparse() or not info.isreg():
        fault, kind = _kind(info)
        faults.add(fault, f"member {name} is a {kind}; only regular files are taken")
        return None
    parts = [part for part in info.name.split("/") if part not in ("", ".")]
    if parts == [METADATA_NAME] and not info.name.startswith("/"):
        return Member(None, info.offset_data, info.size)
    path = relative_path(info.name)
    if info.name.startswith("/") or path is None or parts[0] != DATA_FOLDER:
        sentence = f"member {name} is neither {METADATA_NAME} nor a file below {DATA_FOLDER}/"
        faults.add(Fault.MEMBER_OUTSIDE_DATA, sentence)
        return None
    return Member(path, info.offset_data, info.size)


def _kind(info: tarfile.TarInfo) -> tuple[Fault, str]:
    if info.issym():
        return Fault.MEMBER_IS_LINK, "symbolic link"
    if info.islnk():
        return Fault.MEMBER_IS_LINK, "hard link"
    if info.issparse():
        return Fault.MEMBER_IS_SPARSE, "sparse file"
    return Fault.MEMBER_IS_SPECIAL, "device or pipe"


def _check_end(path: Path, offset: int) -> None:
    """Check that the tar ends as a tar does: tarfile takes a cut or a broken header for the end and says nothing."""
    with path.open("rb") as file:
        file.seek(offset)
        if len(file.read(BLOCK)) < BLOCK:
            raise InvalidBundle("the bundle is cut short: the tar has no end-of-archive mark", Fault.TAR_CUT)
        file.seek(offset)
        while block := file.read(TAIL_BLOCK):
            if block.count(0) != len(block):
                sentence = f"the bundle is not a readable tar: what stands at byte {offset} is no member"
                raise InvalidBundle(sentence, Fault.TAR_GOES_ON)


def _is_text(name: str) -> bool:
    """Whether a name can be kept in the database and in JSON: no NUL, no bytes that are not UTF-8."""
    return not any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in name)
