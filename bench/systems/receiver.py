"""The limit of receiving: a bare socket whose bytes are written to a file and synced, in blocks of 1 MiB.

    python -m bench.systems.receiver FOLDER [sha1]

Prints its port, and serves each connection in a thread until it is terminated. A client sends the size in eight bytes, then
the bytes; the answer is one byte when they are on the disk. Space is reserved beforehand, as this service does. Started by
the rows `receiving`, `receiving_at_once` and `file_sizes`.
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
SIZE = struct.Struct("!Q")
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
    """Receive one file into a temporary file, sync it, and send one byte as the answer."""
    with connection, tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
        size = SIZE.unpack(connection.recv(SIZE.size, socket.MSG_WAITALL))[0]
        reserve(file.fileno(), size)
        copy(connection, file.fileno(), size, algorithm)
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
