"""The processes of a running stack by role: find, stop and kill them. Used by tests/faults and the soak.

supervisord knows the programs; their children are read from /proc.
"""

import os
import signal
from collections.abc import Callable
from enum import StrEnum

from ingest.local import program
from ingest.local.executor import CELERY, VARIABLE
from tools.process_table import children_of, command_of, read_file
from tools.stack import Stack
from tools.stack_programs import Programs
from tools.waiting import wait_until

FOUND_SECONDS = 60
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
    CELERY_WORKER = "a Celery worker"
    POOL_PROCESS = "a busy process of a Celery worker"
    REDIS = "Redis"
    TASK = "a task"
    DAG_PROCESSOR = "the dag-processor"
    POSTMASTER = "PostgreSQL's postmaster"
    BACKEND = "a backend of PostgreSQL"


OF_LOCAL_EXECUTOR = frozenset({Role.QUEUE_READER, Role.IDLE_WORKER, Role.BUSY_WORKER})
OF_CELERY_EXECUTOR = frozenset({Role.CELERY_WORKER, Role.POOL_PROCESS, Role.REDIS})
PROGRAMS = {
    Role.API_MASTER: program.API,
    Role.API_SERVER: program.API_SERVER,
    Role.SCHEDULER: program.SCHEDULER,
    Role.DAG_PROCESSOR: program.DAG_PROCESSOR,
    Role.POSTMASTER: program.POSTGRES,
    Role.REDIS: program.REDIS,
}


class Processes:
    """The processes of one stack."""

    def __init__(self, stack: Stack) -> None:
        self.programs = Programs(stack)
        self.has_celery = stack.environment[VARIABLE] == CELERY

    @property
    def roles(self) -> list[Role]:
        """The roles that exist with the stack's executor."""
        missing = OF_LOCAL_EXECUTOR if self.has_celery else OF_CELERY_EXECUTOR
        return [role for role in Role if role not in missing]

    def find(self, role: Role) -> list[int]:
        """Return the processes that have a role at this moment."""
        if role in PROGRAMS:
            return self.programs.find(PROGRAMS[role])
        finders: dict[Role, Callable[[], list[int]]] = {
            Role.API_WORKER: lambda: children_of(self.programs.find(program.API)),
            Role.QUEUE_READER: lambda: [worker for worker in self._workers(idle=True) if _reads(worker)],
            Role.IDLE_WORKER: lambda: [worker for worker in self._workers(idle=True) if not _reads(worker)],
            Role.BUSY_WORKER: lambda: self._workers(idle=False),
            Role.CELERY_WORKER: self._celery_workers,
            Role.POOL_PROCESS: self._busy_pool_processes,
            Role.TASK: lambda: children_of(self._busy_pool_processes() or self._workers(idle=False)),
            Role.BACKEND: lambda: [
                child for child in children_of(self.programs.find(program.POSTGRES)) if _is_backend(child)
            ],
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
        self.programs.stop(PROGRAMS[role])

    def start(self, role: Role) -> None:
        """Start a stopped program through supervisord."""
        self.programs.start(PROGRAMS[role])

    def _celery_workers(self) -> list[int]:
        return [process for worker in program.WORKERS for process in self.programs.find(worker)]

    def _busy_pool_processes(self) -> list[int]:
        return [child for child in children_of(self._celery_workers()) if children_of([child])]

    def _workers(self, *, idle: bool) -> list[int]:
        workers = [
            child
            for child in children_of(self.programs.find(program.SCHEDULER))
            if "LocalExecutor" in command_of(child)
        ]
        return [worker for worker in workers if (IDLE in command_of(worker)) is idle]


def _reads(worker: int) -> bool:
    # The others wait for the lock, which is a futex.
    return "pipe_read" in read_file(worker, "wchan")


def _is_backend(process: int) -> bool:
    return "[local]" in command_of(process)
