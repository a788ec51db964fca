"""A scheduler and a dag-processor that hang: `make run` restarts them, and jobs continue without help."""

import os
import signal

from sqlalchemy import Engine

from ingest.local.watchdog import UNRESPONSIVE_TIMEOUT_SECONDS
from tests.faults.end_assertions import assert_complete
from tools.bundles import CONTENTS, make_bundle
from tools.stack import START_SECONDS, Stack
from tools.stack_processes import Processes, Role
from tools.waiting import wait_until

HUNG = (Role.SCHEDULER, Role.DAG_PROCESSOR)
# Airflow considers a heartbeat healthy for 30 s.
NOTICED_SECONDS = 30 + UNRESPONSIVE_TIMEOUT_SECONDS


def test_scheduler_and_dag_processor_that_hang_are_restarted(stack: Stack, ledger: Engine):
    processes = Processes(stack)
    hung = {role: processes.find(role) for role in HUNG}
    for role in HUNG:
        os.kill(hung[role][0], signal.SIGSTOP)
    job = stack.post(make_bundle())
    wait_until(
        lambda: all(processes.find(role) not in ([], hung[role]) for role in HUNG),
        NOTICED_SECONDS + START_SECONDS,
        lambda: "a hanging process is not restarted",
    )
    assert_complete(stack, ledger, job, CONTENTS)
