"""The processes of a running stack by role: find, stop and kill them. Used by tests/faults and the soak.

supervisord knows the programs; their children are read from /proc.
"""

import os
import signal
from collections.abc import Callable
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from ingest.local import program
from ingest.local.configuration import GROUP, SERVICES
from ingest.local.layout import Layout
from tools.stack import Stack
from tools.waiting import wait_until

FOUND_SECONDS = 60
PROGRAM_SECONDS = 180
PROC = Path("/proc")
IDLE = "<idle>"


class Role(StrEnum):
    """The role of a process of the stack."""

    API_MASTER = "the API's master"
    API_WORKER = "a worker of the API"
    API_SERVER = "Airflow's api-server"
    SCHEDULER = "the scheduler"
    QUEUE_READER = "the idle LocalExecutor worker that holds the lock of the queue"
    IDLE_WORKER = "an idle LocalExecutor worker that waits for that lock"
    BUSY_WORKER = "a busy LocalExecutor worker"
    TASK = "a task"
    DAG_PROCESSOR = "the dag-processor"
    POSTMASTER = "PostgreSQL's postmaster"
    BACKEND = "a backend of PostgreSQL"


PROGRAMS = {
    Role.API_MASTER: program.API,
    Role.API_SERVER: program.API_SERVER,
    Role.SCHEDULER: program.SCHEDULER,
    Role.DAG_PROCESSOR: program.DAG_PROCESSOR,
    Role.POSTMASTER: program.POSTGRES,
}


class Processes:
    """The processes of one stack."""

    def __init__(self, stack: Stack) -> None:
        self._layout = Layout(stack.home)

    @property
    def supervisor(self) -> int:
        """supervisord, whose child every program is."""
        return int((self._layout.home / "supervisord.pid").read_text())

    def find(self, role: Role) -> list[int]:
        """Return the processes that have a role at this moment."""
        if role in PROGRAMS:
            return self._program(PROGRAMS[role])
        finders: dict[Role, Callable[[], list[int]]] = {
            Role.API_WORKER: lambda: _children(self._program(program.API)),
            Role.QUEUE_READER: lambda: [worker for worker in self._workers(idle=True) if _reads(worker)],
            Role.IDLE_WORKER: lambda: [worker for worker in self._workers(idle=True) if not _reads(worker)],
            Role.BUSY_WORKER: lambda: self._workers(idle=False),
            Role.TASK: lambda: _children(self._workers(idle=False)),
            Role.BACKEND: lambda: [child for child in _children(self._program(program.POSTGRES)) if _is_backend(child)],
        }
        return finders[role]()

    def kill(self, role: Role) -> int:
        """Send SIGKILL to the first process that has a role, as soon as one exists; return its id."""
        found: list[int] = []

        def has_one() -> bool:
            found[:] = self.find(role)
            return bool(found)

        wait_until(has_one, FOUND_SECONDS, lambda: f"no process is {role}")
        os.kill(found[0], signal.SIGKILL)
        return found[0]

    def stop(self, role: Role) -> None:
        """Stop a program through supervisord, and wait for it."""
        self._call_supervisor("stopProcess", _name(PROGRAMS[role]), True)

    def start(self, role: Role) -> None:
        """Start a stopped program through supervisord."""
        self._call_supervisor("startProcess", _name(PROGRAMS[role]), False)

    def run_to_end(self, name: str) -> int:
        """Run a program that ends by itself through supervisord; return its exit status."""
        self._call_supervisor("startProcess", name, False)
        wait_until(lambda: not self._program(name), PROGRAM_SECONDS, lambda: f"{name} does not end")
        return int(self._call_supervisor("getProcessInfo", name)["exitstatus"])

    def _workers(self, *, idle: bool) -> list[int]:
        workers = [child for child in _children(self._program(program.SCHEDULER)) if "LocalExecutor" in _command(child)]
        return [worker for worker in workers if (IDLE in _command(worker)) is idle]

    def _program(self, name: str) -> list[int]:
        process = int(self._call_supervisor("getProcessInfo", _name(name))["pid"])
        return [process] if process else []

    def _call_supervisor(self, method: str, *arguments: Any) -> Any:
        with closing(SupervisorTransport(None, None, f"unix://{self._layout.sockets}/supervisor.sock")) as transport:
            return getattr(ServerProxy("http://127.0.0.1", transport=transport).supervisor, method)(*arguments)


def is_alive(process: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    return _read(process, "stat").rpartition(")")[2].split()[:1] not in ([], ["Z"])


def _name(name: str) -> str:
    return f"{GROUP}:{name}" if name in SERVICES else name


def _children(parents: list[int]) -> list[int]:
    lists = [path for parent in parents for path in PROC.glob(f"{parent}/task/*/children")]
    return [int(child) for path in lists for child in _text(path).split()]


def _command(process: int) -> str:
    return _read(process, "cmdline").replace("\0", " ")


def _reads(worker: int) -> bool:
    # The others wait for the lock, which is a futex.
    return "pipe_read" in _read(worker, "wchan")


def _is_backend(process: int) -> bool:
    return "[local]" in _command(process)


def _read(process: int, name: str) -> str:
    return _text(PROC / str(process) / name)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        # The process has ended.
        return ""
