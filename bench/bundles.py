"""Bundles of any size, written to a file piece by piece: many files or large ones, all of the same random bytes.

Files of more than 8 GiB hold zeros, which take no room in the bundle: so the disk needs to hold them twice, not three times.

Called by the rows.
"""

import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tools.bundles import file_entry, transaction

BLOCK = 1024**2
FILES_PER_FOLDER = 1000
LARGEST_OF_RANDOM_BYTES = 8 * 2**30


@dataclass(frozen=True)
class Content:
    """The bytes of every file of a bundle: the same block, again and again."""

    block: bytes
    size: int

    def pieces(self) -> Iterator[bytes]:
        """The bytes, a block at a time."""
        for begin in range(0, self.size, len(self.block)):
            yield self.block[: self.size - begin]

    def hash_sum(self) -> str:
        """The SHA-1 of the bytes."""
        hashed = hashlib.sha1(usedforsecurity=False)
        for piece in self.pieces():
            hashed.update(piece)
        return hashed.hexdigest()


def content(size: int) -> Content:
    """Random bytes, or zeros of a file that is very large."""
    length = max(1, min(size, BLOCK))
    return Content(os.urandom(length) if size <= LARGEST_OF_RANDOM_BYTES else bytes(length), size)


@contextmanager
def bundle_in(folder: Path, files: int, size: int) -> Iterator[Path]:
    """A bundle of so many files of so many bytes, in a file that is synced, and removed afterwards."""
    path = folder / f"bundle-{files}-{size}.tar"
    try:
        with path.open("wb") as file:
            _write(file, files, content(size))
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _write(file: BinaryIO, files: int, of_each: Content) -> None:
    # By hand, because a TarFile keeps every member in memory.
    for number in range(files):
        _write_member(file, _path(number), of_each.size, of_each.pieces())
    with tempfile.TemporaryFile() as metadata:
        size = sum(metadata.write(piece) for piece in _metadata(files, of_each))
        metadata.seek(0)
        _write_member(file, "metadata.txt", size, iter(lambda: metadata.read(BLOCK), b""))
    file.write(bytes(2 * tarfile.BLOCKSIZE))


def _write_member(file: BinaryIO, path: str, size: int, pieces: Iterable[bytes]) -> None:
    member = tarfile.TarInfo(path)
    member.size = size
    file.write(member.tobuf(tarfile.PAX_FORMAT))
    for piece in pieces:
        if piece == bytes(len(piece)):
            file.seek(len(piece), os.SEEK_CUR)
        else:
            file.write(piece)
    file.write(bytes(-size % tarfile.BLOCKSIZE))


def _metadata(files: int, of_each: Content) -> Iterator[bytes]:
    hash_sum = of_each.hash_sum()
    yield b"[" + b",".join(json.dumps(entry).encode() for entry in transaction())
    for number in range(files):
        entry = file_entry(_path(number), b"", size=of_each.size, hashsum=hash_sum)
        yield b"," + json.dumps(entry).encode()
    yield b"]"


def _path(number: int) -> str:
    return f"data/{number // FILES_PER_FOLDER:04}/{number % FILES_PER_FOLDER:03}.bin"
