"""How many stages a second the scheduler and the api-server start and end, if the stages themselves cost nothing.

The tasks only sleep (`systems.sleeping_executor`); the schedulers, the api-server and the database are real. So many run
that a small machine is full; then the CPU time for each stage says which program occupies a whole core first.
"""

import time
from collections.abc import Iterator

from bench.measurements import THIS_SERVICE, Line
from bench.systems.extra_programs import sleeping_schedulers
from bench.systems.noop_dag import NoopDag
from bench.systems.program_cpu import STAGES, cpu_by_program, used_between
from bench.testbed import Testbed
from tools.stack import Stack

NAME = "ceiling"
TITLE = "Tasks that only sleep: the ceiling of schedulers and api-server"
LIMIT_LABEL = ""
SCHEDULERS = (1, 2)
ROUNDS, RUNS, TASKS = 3, 60, 5
RUN_SECONDS = 300
MILLISECONDS = 1000
SETTINGS = {"AIRFLOW__CORE__PARALLELISM": "64", "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "64"}


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure one scheduler, and two."""
    stack = testbed.this_service.stack("ceiling", SETTINGS)
    for count in SCHEDULERS:
        with sleeping_schedulers(stack, count) as schedulers:
            yield from _measure(stack, schedulers, testbed.rounds(ROUNDS))


def _measure(stack: Stack, schedulers: list[int], rounds: int) -> Iterator[Line]:
    dag = NoopDag(stack)
    dag.seconds(RUNS, RUN_SECONDS)
    rates, costs = list[float](), dict[str, list[float]]()
    for _ in range(rounds):
        before, begun = cpu_by_program(stack, schedulers), time.monotonic()
        dag.seconds(RUNS, RUN_SECONDS)
        rates.append(RUNS * TASKS / (time.monotonic() - begun))
        for program, used in used_between(before, cpu_by_program(stack, schedulers)).items():
            costs.setdefault(program, []).append(used / (RUNS * TASKS) * MILLISECONDS)
    label = f"{len(schedulers)} scheduler(s)"
    yield Line(f"{label}: stages", "/s", {THIS_SERVICE: rates}, lower_is_better=False)
    for program, cost in costs.items():
        name = "the process that sleeps" if program == STAGES else program
        yield Line(f"{label}: CPU of a stage, {name}", "ms", {THIS_SERVICE: cost})
