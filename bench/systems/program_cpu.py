"""The CPU time of a stack by program. Called by the rows `stage_costs`, `ceiling` and `worker_hosts`."""

from collections.abc import Mapping, Sequence

import psutil

from bench.systems.stack_cpu import cpu_seconds
from ingest.local import program
from ingest.local.executor import CELERY, VARIABLE
from tools.stack import Stack
from tools.stack_programs import Programs

STAGES = "stages"
PROGRAMS = {
    "API": program.API,
    "api-server": program.API_SERVER,
    "dag-processor": program.DAG_PROCESSOR,
    "PostgreSQL": program.POSTGRES,
}


def cpu_by_program(
    stack: Stack, schedulers: Sequence[int] | None = None, workers: Sequence[int] | None = None
) -> dict[str, float]:
    """Return the CPU time of each program until now, in seconds; that of the processes of stages is `stages`.

    `schedulers` and `workers` are processes that run instead of those of the stack.
    """
    programs = Programs(stack)
    used = {name: sum(map(cpu_seconds, programs.find(found))) for name, found in PROGRAMS.items()}
    if schedulers is None:
        schedulers = programs.find(program.SCHEDULER)
    used["scheduler"] = sum(map(_own_seconds, schedulers))
    used[STAGES] = sum(map(cpu_seconds, schedulers)) - used["scheduler"]
    if stack.environment[VARIABLE] == CELERY:
        if workers is None:
            workers = [process for name in program.WORKERS for process in programs.find(name)]
        used["Redis"] = sum(map(cpu_seconds, programs.find(program.REDIS)))
        used[STAGES] = sum(map(cpu_seconds, workers))
    return used


def used_between(earlier: Mapping[str, float], later: Mapping[str, float]) -> dict[str, float]:
    """Return the CPU time of each program between two calls of `cpu_by_program`, in seconds."""
    return {name: later[name] - seconds for name, seconds in earlier.items()}


def _own_seconds(process: int) -> float:
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)
