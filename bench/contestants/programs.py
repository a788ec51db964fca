"""Programs of the benchmark's own, each a process apart: what listens says its port first, what measures says what it found.

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
def program(module: str, *arguments: str) -> Iterator[tuple[str, int]]:
    """Run a module of the project; gives the address that it listens at. Raises RuntimeError when it names none."""
    process = start(module, *arguments)
    try:
        assert process.stdout
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        line = process.stdout.readline().strip() if ready else ""
        if not line.isdecimal():
            raise RuntimeError(f"{module} does not start")
        yield "127.0.0.1", int(line)
    finally:
        process.terminate()
        process.communicate(timeout=STOP_SECONDS)


def output_of(module: str, *arguments: str, given: str, seconds: float) -> str:
    """Run a module to its end, with a text on its input; gives its output. Raises RuntimeError, TimeoutExpired."""
    process = start(module, *arguments)
    try:
        output, _ = process.communicate(given, timeout=seconds)
    finally:
        process.kill()
    if process.returncode != 0:
        raise RuntimeError(f"{module} failed")
    return output


def start(module: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a module of the project, which dies with this process."""
    parent = os.getpid()
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(PROJECT / "plugins"), str(PROJECT)))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: die_with(parent, signal.SIGKILL),  # noqa: PLW1509 - it calls one function of libc
    )
