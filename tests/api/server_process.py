"""Start the real server in a process of its own, and read its port from its log.

An interpreter takes more than a second of CPU time to import the server. Therefore each process of the tests has a fork
server (multiprocessing), which imports it once; a server is a fork of that process, and runs `api.server.main`.
`tests/api/test_server.py` and the tests of the whole stack start it as users do.
"""

import multiprocessing
import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.server import main
from tools.waiting import wait_until

ROOT = Path(__file__).parents[2]
ARGUMENTS = ("-p", "0")
LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
START_SECONDS = 60
STOP_SECONDS = 30


@dataclass(frozen=True)
class ServerProcess:
    """A running server."""

    id: int
    port: int
    log: Path


@contextmanager
def server_process(
    folder: Path, environment: Mapping[str, str], *, new_interpreter: bool = False
) -> Iterator[ServerProcess]:
    """Run a server in a folder, which gets its log, on a free port.

    A new interpreter is needed for variables that are read when a module is imported.
    """
    # Of its own name, because two servers may share a folder.
    log = Path(tempfile.mkstemp(prefix="log-", dir=folder)[1])
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    run = _run_interpreter if new_interpreter else _run
    process = context.Process(target=run, args=(folder, dict(environment), log), daemon=True)
    # The fork server imports from its current folder.
    with chdir(ROOT):
        process.start()
    assert process.pid is not None
    try:
        wait_until(lambda: listening_port(log) is not None or not process.is_alive(), START_SECONDS, log.read_text)
        port = listening_port(log)
        assert port is not None, log.read_text()
        yield ServerProcess(process.pid, port, log)
    finally:
        if process.is_alive():
            # SIGINT stops it immediately: no request is in progress any more.
            os.kill(process.pid, signal.SIGINT)
        process.join(STOP_SECONDS)
        assert process.exitcode is not None, "the server does not stop"


def listening_port(log: Path) -> int | None:
    """Return the port of a server, or None if it does not listen yet."""
    found = LISTENING.search(log.read_text())
    return int(found[1]) if found else None


def _run(folder: Path, environment: dict[str, str], log: Path) -> None:
    _enter(folder, log)
    os.environ.clear()
    os.environ.update(environment)
    main(list(ARGUMENTS))


def _run_interpreter(folder: Path, environment: dict[str, str], log: Path) -> None:
    _enter(folder, log)
    os.execve(sys.executable, [sys.executable, "-m", "api.server", *ARGUMENTS], environment)


def _enter(folder: Path, log: Path) -> None:
    os.chdir(folder)
    with log.open("ab") as written:
        os.dup2(written.fileno(), sys.stderr.fileno())
