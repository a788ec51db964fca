"""The CPU time of a stage of a tiny bundle by program, with LocalExecutor and CeleryExecutor, and that of an idle stack.

docs/explanation/sizing.md computes from it what a facility needs.
"""

import time
from collections.abc import Iterator

from bench.measurements import THIS_SERVICE, Line
from bench.rows.tiny import job_seconds
from bench.systems.program_cpu import cpu_by_program, used_between
from bench.testbed import Testbed
from ingest.local.executor import CELERY, LOCAL, VARIABLE
from ingest.states.stages import STAGES, Kind

NAME = "stage_costs"
TITLE = "CPU time of a stage of a tiny bundle, by program"
LIMIT_LABEL = ""
ROUNDS, JOBS = 3, 20
IDLE_SECONDS = 30.0
MILLISECONDS = 1000


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure each executor."""
    stages = JOBS * len(STAGES[Kind.INGEST])
    for executor in (LOCAL, CELERY):
        stack = testbed.this_service.stack(f"costs-{executor}", {VARIABLE: executor})
        client = testbed.this_service.client()
        job_seconds(client, JOBS)
        # Twenty jobs fill the machine, so what an idle stack uses is part of their time.
        costs: dict[str, list[float]] = {}
        for _ in range(testbed.rounds(ROUNDS)):
            before = cpu_by_program(stack)
            job_seconds(client, JOBS)
            for program, used in used_between(before, cpu_by_program(stack)).items():
                costs.setdefault(program, []).append(used / stages * MILLISECONDS)
        for program, cost in costs.items():
            yield Line(f"{executor}: {program}", "ms", {THIS_SERVICE: cost})
        before = cpu_by_program(stack)
        time.sleep(IDLE_SECONDS)
        for program, used in used_between(before, cpu_by_program(stack)).items():
            idle = used / IDLE_SECONDS * MILLISECONDS
            yield Line(f"{executor}, idle: {program}", "ms/s", {THIS_SERVICE: [idle]})
