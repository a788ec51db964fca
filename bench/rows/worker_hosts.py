"""Jobs a second with Celery workers on one, two and four hosts, each of which has a fifth of a core.

So the workers need less than a core, and what else runs on this machine has the other one.
"""

from collections.abc import Iterator

from bench.measurements import THIS_SERVICE, Line
from bench.rows.tiny import job_seconds
from bench.systems.extra_programs import workers
from bench.systems.limited_hosts import limited
from bench.systems.program_cpu import cpu_by_program, used_between
from bench.testbed import Testbed
from ingest.local.executor import CELERY, VARIABLE
from ingest.states.stages import STAGES, Kind

NAME = "worker_hosts"
TITLE = "Stages on 1, 2 and 4 hosts of 0.2 cores"
LIMIT_LABEL = ""
HOSTS = (1, 2, 4)
CORES = 0.2
ROUNDS, JOBS = 2, 20
MILLISECONDS = 1000


def measure(testbed: Testbed) -> Iterator[Line]:
    """Measure each number of hosts."""
    stack = testbed.this_service.stack("hosts", {VARIABLE: CELERY})
    client = testbed.this_service.client()
    stages = JOBS * len(STAGES[Kind.INGEST])
    for count in HOSTS:
        with workers(stack, [f"host-{number}" for number in range(count)]) as processes:
            job_seconds(client, JOBS)
            with limited(processes, CORES):
                rates, costs = list[float](), dict[str, list[float]]()
                for _ in range(testbed.rounds(ROUNDS)):
                    before = cpu_by_program(stack, workers=processes)
                    rates.append(stages / job_seconds(client, JOBS))
                    for program, used in used_between(before, cpu_by_program(stack, workers=processes)).items():
                        costs.setdefault(program, []).append(used / stages * MILLISECONDS)
        yield Line(f"{count} host(s): stages", "/s", {THIS_SERVICE: rates}, lower_is_better=False)
        for program, cost in costs.items():
            yield Line(f"{count} host(s): CPU of a stage, {program}", "ms", {THIS_SERVICE: cost})
