"""Freeze a tree of processes while another system is measured: an idle Airflow uses a sixth of two cores.

Called by `systems.this_service` and by `memory`.
"""

import time
from contextlib import suppress

import psutil

# A master process kills a worker without a recent heartbeat, so the workers must send one before the master continues.
HEARTBEAT_SECONDS = 1.5


def freeze(root: int) -> list[psutil.Process]:
    """Suspend a process and its descendants, parents first; return them."""
    frozen: list[psutil.Process] = []
    while running := [process for process in tree(root) if process not in frozen]:
        # The loop repeats because a process may have forked before it was suspended.
        for process in running:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        frozen += running
    return frozen


def thaw(frozen: list[psutil.Process]) -> None:
    """Resume the processes, children first."""
    parents = {process.ppid() for process in frozen if process.is_running()}
    for process in frozen:
        if process.pid not in parents:
            _resume(process)
    time.sleep(HEARTBEAT_SECONDS)
    for process in reversed(frozen):
        _resume(process)


def tree(root: int) -> list[psutil.Process]:
    """Return a process and its descendants."""
    first = psutil.Process(root)
    return [first, *first.children(recursive=True)]


def _resume(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.resume()
