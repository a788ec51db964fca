"""The limit of receiving: a bare socket whose bytes are written to a file and synced, in blocks of 1 MiB.

    python -m bench.systems.receiver FOLDER [sha1]

Prints its port, and serves each connection in a thread until it is terminated. A client sends the size of the file and that
of its parts in eight bytes each, then the bytes; each part is answered with one byte when it is on the disk. Space is
reserved beforehand, as this service does. Started by the rows `receiving`, `receiving_at_once`, `resumable` and
`file_sizes`.
"""

import hashlib
import os
import socket
import struct
import sys
import tempfile
import threading
from pathlib import Path

from ingest.system.linux import reserve

BLOCK = 1024**2
SIZES = struct.Struct("!QQ")
TIMEOUT_SECONDS = 120


def main(folder: str, algorithm: str = "") -> None:
    """Serve until the process is terminated."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            connection.settimeout(TIMEOUT_SECONDS)
            threading.Thread(target=receive, args=(connection, Path(folder), algorithm), daemon=True).start()


def receive(connection: socket.socket, folder: Path, algorithm: str) -> None:
    """Receive one file into a temporary file; after each part, sync it and send one byte as the answer."""
    with connection, tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
        size, part = SIZES.unpack(connection.recv(SIZES.size, socket.MSG_WAITALL))
        reserve(file.fileno(), size)
        for begin in range(0, size, part):
            copy(connection, file.fileno(), min(part, size - begin), algorithm)
            os.fsync(file.fileno())
            connection.sendall(b".")


def copy(connection: socket.socket, descriptor: int, size: int, algorithm: str) -> None:
    """Copy `size` bytes from a socket to a file; raises ConnectionError if the client closes the connection early."""
    hashed = hashlib.new(algorithm, usedforsecurity=False) if algorithm else None
    buffer = memoryview(bytearray(BLOCK))
    while size:
        count = connection.recv_into(buffer, min(size, BLOCK))
        if count == 0:
            raise ConnectionError(f"the client closed the connection; {size} bytes are missing")
        if hashed:
            hashed.update(buffer[:count])
        os.write(descriptor, buffer[:count])
        size -= count


if __name__ == "__main__":
    main(*sys.argv[1:])
