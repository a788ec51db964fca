"""Holding a tree of processes still while others are measured: an idle Airflow takes a sixth of two cores.

Called by `contestants.ours`.
"""

import time
from contextlib import suppress

import psutil

# A master ends a worker that has given no sign of life for long, so the workers must have been seen to live before.
HEAD_START_SECONDS = 1.5


def freeze(root: int) -> list[psutil.Process]:
    """Stop a process and all below it, the parents first; gives them."""
    frozen: list[psutil.Process] = []
    while found := [process for process in tree(root) if process not in frozen]:
        # Again, because one may have been forked meanwhile.
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        frozen += found
    return frozen


def thaw(frozen: list[psutil.Process]) -> None:
    """Let all go on, the children first."""
    parents = {process.ppid() for process in frozen if process.is_running()}
    for process in frozen:
        if process.pid not in parents:
            _resume(process)
    time.sleep(HEAD_START_SECONDS)
    for process in reversed(frozen):
        _resume(process)


def tree(root: int) -> list[psutil.Process]:
    """A process and all below it."""
    first = psutil.Process(root)
    return [first, *first.children(recursive=True)]


def _resume(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.resume()
