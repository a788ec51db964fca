"""A plain TCP proxy: each connection goes to the next of its targets. Started by `four_archives`.

python -m bench.contestants.round_robin PORT TARGET_PORT ...
"""

import socket
import sys
import threading
from contextlib import suppress
from itertools import cycle

BLOCK = 256 * 1024
HOST = "127.0.0.1"


def main(port: str, *targets: str) -> None:
    """Pass connections on for ever."""
    with socket.create_server((HOST, int(port)), backlog=64) as server:
        print(server.getsockname()[1], flush=True)
        for target in cycle(map(int, targets)):
            client, _ = server.accept()
            behind = socket.create_connection((HOST, target))
            for source, sink in ((client, behind), (behind, client)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=pass_on, args=(source, sink), daemon=True).start()


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes, and the end of it."""
    buffer = memoryview(bytearray(BLOCK))
    with suppress(OSError):
        while length := source.recv_into(buffer):
            sink.sendall(buffer[:length])
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main(*sys.argv[1:])
