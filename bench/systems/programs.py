"""Run modules of the benchmark as separate processes: servers, which print their port first, and measuring programs.

Called by the rows.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.local.layout import PROJECT
from ingest.local.privileges import die_with

START_SECONDS = 30
STOP_SECONDS = 10


@contextmanager
def running_server(module: str, *arguments: str) -> Iterator[tuple[str, int]]:
    """Run a module as a server; yield its address. Raises RuntimeError if it prints no port in time."""
    process = start(module, *arguments)
    try:
        assert process.stdout
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        line = process.stdout.readline().strip() if ready else ""
        if not line.isdecimal():
            raise RuntimeError(f"{module} did not print its port within {START_SECONDS} s")
        yield "127.0.0.1", int(line)
    finally:
        process.terminate()
        process.communicate(timeout=STOP_SECONDS)


def run_module(module: str, *arguments: str, stdin: str, timeout: float) -> str:
    """Run a module with a text on stdin; return its output. Raises RuntimeError, TimeoutExpired."""
    process = start(module, *arguments)
    try:
        output, _ = process.communicate(stdin, timeout=timeout)
    finally:
        process.kill()
    if process.returncode != 0:
        raise RuntimeError(f"{module} failed with exit status {process.returncode}")
    return output


def start(module: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a module of the project; it is killed when this process ends."""
    parent = os.getpid()
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(PROJECT / "plugins"), str(PROJECT)))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: die_with(parent, signal.SIGKILL),  # noqa: PLW1509 - calls only one libc function
    )
