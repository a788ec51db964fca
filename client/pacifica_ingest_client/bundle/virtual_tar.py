"""The bundle as a tar that never lies on the disk: a file that can be read from any offset, with the same bytes each time.

Headers come from Python's `tarfile` (PAX). Owners and modes are fixed; names, sizes and times are those of the file table.
Offsets are kept only of some files.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from pacifica_ingest_client.bundle.documents import DATA_FOLDER
from pacifica_ingest_client.bundle.file_table import FileTable
from pacifica_ingest_client.bundle.sources import SourceFile, read_source

METADATA_NAME = "metadata.txt"
MARK_EVERY = 256
ZEROS = bytes(tarfile.RECORDSIZE)


@dataclass(frozen=True)
class Mark:
    """Where the header of a file begins."""

    offset: int
    name: str


@dataclass(frozen=True)
class Layout:
    """The size of the tar, the digest that identifies its contents, and the offsets of some files."""

    size: int
    digest: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Member:
    """A member of the tar: its header, and the file that follows it."""

    header: bytes
    source: SourceFile

    @property
    def size(self) -> int:
        """The number of bytes of the header, the file and the padding."""
        return len(self.header) + self.source.size + _padding(self.source.size)

    def read(self, offset: int) -> Iterator[bytes]:
        """Yield the bytes from an offset on."""
        if offset < len(self.header):
            yield self.header[offset:]
        within = max(offset - len(self.header), 0)
        if within < self.source.size:
            yield from read_source(self.source, within)
        padding = _padding(self.source.size)
        yield ZEROS[: padding - max(within - self.source.size, 0)]


def lay_out(table: FileTable, document: Path) -> Layout:
    """Compute the layout of the tar of all files and the metadata; there must be a file."""
    digest = hashlib.sha256()
    marks: list[Mark] = []
    offset = 0
    for number, member in enumerate(_files(table, "")):
        if number % MARK_EVERY == 0:
            marks.append(Mark(offset, member.source.name))
        digest.update(member.header)
        offset += member.size
    metadata = _metadata(table, document)
    for block in metadata.read(0):
        digest.update(block)
    return Layout(_with_end(offset + metadata.size), digest.hexdigest(), tuple(marks))


class VirtualTar(io.RawIOBase):
    """The tar as a file. Raises SourceChanged, SourceUnreadable while it is read."""

    def __init__(self, table: FileTable, document: Path, layout: Layout) -> None:
        super().__init__()
        self._table = table
        self._document = document
        self._layout = layout
        self._position = 0
        self._blocks: Iterator[bytes] | None = None
        self._rest = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._layout.size}[whence]
        self._position = start + offset
        self._blocks, self._rest = None, b""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, by default all that are left; fewer only at the end."""
        wanted = self._layout.size if size < 0 else size
        found: list[bytes] = []
        while wanted and (part := self._read_part(wanted)):
            found.append(part)
            wanted -= len(part)
        return b"".join(found)

    def _read_part(self, size: int) -> bytes:
        """Return up to `size` bytes; b"" at the end."""
        if self._blocks is None:
            self._blocks = self.blocks(self._position)
        block = self._rest or next(self._blocks, b"")
        part, self._rest = block[:size], block[size:]
        self._position += len(part)
        return part

    def blocks(self, offset: int) -> Iterator[bytes]:
        """Yield the bytes from an offset on, in blocks of up to 1 MiB."""
        mark = self._mark_before(offset)
        at = mark.offset
        for member in chain(_files(self._table, mark.name), [_metadata(self._table, self._document)]):
            if at + member.size > offset:
                yield from filter(None, member.read(max(offset - at, 0)))
            at += member.size
        yield from filter(None, [bytes(self._layout.size - max(at, offset))])

    def _mark_before(self, offset: int) -> Mark:
        marks = self._layout.marks
        return marks[bisect_right([mark.offset for mark in marks], offset) - 1]


def _files(table: FileTable, first: str) -> Iterator[Member]:
    """Yield the members of the files, from a file on."""
    for file, _ in table.files(first):
        yield Member(_header(f"{DATA_FOLDER}/{file.name}", file.size, file.mtime), file)


def _metadata(table: FileTable, document: Path) -> Member:
    """Return the last member, as in the bundles of the stock client; its time does not depend on when it was written."""
    status = document.stat()
    source = SourceFile(METADATA_NAME, str(document), status.st_size, status.st_mtime_ns, str(status.st_ino))
    return Member(_header(METADATA_NAME, source.size, table.newest()), source)


def _header(name: str, size: int, mtime: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    # A time before 1970 has no octal form.
    info.mtime = max(mtime, 0)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _padding(size: int) -> int:
    return -size % tarfile.BLOCKSIZE


def _with_end(size: int) -> int:
    """Return the size with the end-of-archive mark, padded to a whole record as tar does."""
    end = size + 2 * tarfile.BLOCKSIZE
    return end + -end % tarfile.RECORDSIZE
