"""SIGKILL to supervisord ends everything; the next start continues where the last one ended."""

import os
import signal
from pathlib import Path

from ingest.system.failpoints import VARIABLE
from tests.faults import held_jobs
from tests.faults.conftest import SETTINGS
from tests.faults.end_assertions import assert_complete, ids_given_twice, ownerless
from tests.faults.points import Points
from tools.process_table import is_alive
from tools.stack import STOP_SECONDS, ledger_of, running_stack, start_stack, stop_stack
from tools.stack_processes import Processes
from tools.waiting import wait_until


def test_stack_whose_supervisord_is_killed_stops_and_continues_at_the_next_start(tmp_path: Path, points: Points):
    settings = {**SETTINGS, VARIABLE: str(points.folder)}
    launcher, stack = start_stack(tmp_path, settings)
    try:
        processes = Processes(stack)
        job = held_jobs.post_and_hold(stack, points)
        programs = [process for role in processes.roles for process in processes.find(role)]
        os.kill(processes.programs.supervisor, signal.SIGKILL)
        assert launcher.wait(STOP_SECONDS) == 1
        wait_until(lambda: not any(map(is_alive, programs)), STOP_SECONDS, lambda: "something outlives supervisord")
    finally:
        stop_stack(launcher)
    with running_stack(tmp_path, settings) as stack, ledger_of(stack) as ledger:
        assert_complete(stack, ledger, job, held_jobs.CONTENTS)
        assert not ownerless(stack, ledger)
        assert not ids_given_twice(ledger)
