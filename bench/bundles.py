"""Bundles of any size, written to a file block by block: many files or large ones, all with the same random bytes.

Files of more than 8 GiB hold zeros, which take no space in the bundle. So the disk must hold them only twice, not three
times. Called by the rows.
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
MAX_RANDOM_BYTES = 8 * 2**30


@dataclass(frozen=True)
class Content:
    """The content of every file of a bundle: one block, repeated up to `size` bytes."""

    block: bytes
    size: int

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes, a block at a time."""
        for begin in range(0, self.size, len(self.block)):
            yield self.block[: self.size - begin]

    def sha1(self) -> str:
        """Return the SHA-1 of the bytes."""
        hashed = hashlib.sha1(usedforsecurity=False)
        for block in self.blocks():
            hashed.update(block)
        return hashed.hexdigest()


def make_content(size: int) -> Content:
    """Return random content, or zeros if the file is larger than MAX_RANDOM_BYTES."""
    length = max(1, min(size, BLOCK))
    return Content(os.urandom(length) if size <= MAX_RANDOM_BYTES else bytes(length), size)


@contextmanager
def temporary_bundle(folder: Path, files: int, size: int) -> Iterator[Path]:
    """Write a bundle of `files` files of `size` bytes, sync it, yield its path, and remove it afterwards."""
    path = folder / f"bundle-{files}-{size}.tar"
    try:
        with path.open("wb") as file:
            _write(file, files, make_content(size))
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _write(file: BinaryIO, files: int, content: Content) -> None:
    # Without TarFile, which keeps every member in memory.
    for number in range(files):
        _write_member(file, _path(number), content.size, content.blocks())
    with tempfile.TemporaryFile() as metadata:
        size = sum(metadata.write(part) for part in _metadata(files, content))
        metadata.seek(0)
        _write_member(file, "metadata.txt", size, iter(lambda: metadata.read(BLOCK), b""))
    file.write(bytes(2 * tarfile.BLOCKSIZE))


def _write_member(file: BinaryIO, path: str, size: int, blocks: Iterable[bytes]) -> None:
    member = tarfile.TarInfo(path)
    member.size = size
    file.write(member.tobuf(tarfile.PAX_FORMAT))
    for block in blocks:
        if block == bytes(len(block)):
            file.seek(len(block), os.SEEK_CUR)
        else:
            file.write(block)
    file.write(bytes(-size % tarfile.BLOCKSIZE))


def _metadata(files: int, content: Content) -> Iterator[bytes]:
    sha1 = content.sha1()
    yield b"[" + b",".join(json.dumps(entry).encode() for entry in transaction())
    for number in range(files):
        entry = file_entry(_path(number), b"", size=content.size, hashsum=sha1)
        yield b"," + json.dumps(entry).encode()
    yield b"]"


def _path(number: int) -> str:
    return f"data/{number // FILES_PER_FOLDER:04}/{number % FILES_PER_FOLDER:03}.bin"
