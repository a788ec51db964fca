"""The limit of an archive: a plain synced copy from file to file, or bare PUTs to an archive server.

Called by the rows.
"""

import ctypes
import hashlib
import http.client
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from ingest.system.linux import reserve

BLOCK = 1024**2
TIMEOUT_SECONDS = 120
FILES_PER_SYNC = 1000
CREATED, NO_CONTENT = 201, 204
# Larger than any file ID that a service allocates during the benchmark.
_ids = count(10**9)


def copy_large(source: Path, target: Path) -> None:
    """Copy a file and sync it."""
    buffer = memoryview(bytearray(BLOCK))
    with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
        reserve(writer.fileno(), source.stat().st_size)
        while length := reader.readinto(buffer):
            writer.write(buffer[:length])
        os.fsync(writer.fileno())


def copy_small(source: Path, folder: Path, files: int, size: int) -> None:
    """Copy a file in pieces of `size` bytes into `files` files.

    A thousand files are written, synced together, and then renamed to their final names.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with source.open("rb", buffering=0) as reader:
        for first in range(0, files, FILES_PER_SYNC):
            subfolder = folder / str(first)
            subfolder.mkdir(parents=True)
            names = [subfolder / str(number) for number in range(first, min(first + FILES_PER_SYNC, files))]
            for name in names:
                name.with_suffix(".part").write_bytes(reader.read(size))
            descriptor = os.open(subfolder, os.O_RDONLY)
            try:
                libc.syncfs(descriptor)
                for name in names:
                    name.with_suffix(".part").rename(name)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def put_large(address: tuple[str, int], source: Path, size: int) -> None:
    """Send the first `size` bytes of a file to an archive, hash them meanwhile, and request the stored size."""
    connection, number = http.client.HTTPConnection(*address, timeout=TIMEOUT_SECONDS), next(_ids)
    connection.putrequest("PUT", f"/{number}")
    connection.putheader("Content-Type", "application/octet-stream")
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    for block in _hashed(source, size):
        connection.send(block)
    _expect(connection, CREATED)
    connection.request("HEAD", f"/{number}")
    _expect(connection, NO_CONTENT)
    connection.close()


def put_small(address: tuple[str, int], content: bytes, files: int, connections: int) -> None:
    """Send `files` files with the same content to an archive, over several connections."""
    with ThreadPoolExecutor(connections) as pool:
        shares = [range(first, files, connections) for first in range(connections)]
        for future in [pool.submit(_put_share, address, content, share) for share in shares]:
            future.result()


def _put_share(address: tuple[str, int], content: bytes, share: Sequence[int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_SECONDS)
    headers = {"Content-Type": "application/octet-stream"}
    for _ in share:
        connection.request("PUT", f"/{next(_ids)}", content, headers)
        _expect(connection, CREATED)
    connection.close()


def _hashed(source: Path, size: int) -> Iterator[bytes]:
    hashed = hashlib.sha1(usedforsecurity=False)
    with source.open("rb", buffering=0) as file:
        while size and (block := file.read(min(size, BLOCK))):
            hashed.update(block)
            size -= len(block)
            yield block


def _expect(connection: http.client.HTTPConnection, status: int) -> None:
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != status:
        raise RuntimeError(f"the archive returned HTTP {answer.status} instead of {status}: {body[:300]!r}")
