"""Every program of the stack runs twice, as on two hosts, and each is killed once: nothing is lost or duplicated.

The second API has a folder of its own for temporary files, an api-server of its own, and the same spool.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.faults.end_assertions import assert_complete, ids_given_twice, ownerless
from tests.faults.posting import post_until_answered
from tests.faults.second_programs import (
    API,
    API_SERVER,
    DAG_PROCESSOR,
    SCHEDULER,
    second,
    wait_for_answer,
    wait_for_two,
)
from tools.bundles import CONTENTS
from tools.stack import Stack, free_port
from tools.stack_contents import events
from tools.stack_processes import Processes, Role

HOST = "127.0.0.1"
ON_FIRST_HOST = (Role.SCHEDULER, Role.DAG_PROCESSOR, Role.API_SERVER, Role.API_MASTER)
JOBS_PER_KILL = 3
# The stages of a killed scheduler are adopted by the other one.
JOB_SECONDS = 300


@dataclass(frozen=True)
class SecondHost:
    """The stack as seen by clients of the second API, and the processes of its host."""

    stack: Stack
    processes: list["subprocess.Popen[bytes]"]


@pytest.fixture
def other(stack: Stack, tmp_path: Path) -> Iterator[SecondHost]:
    """Run a second one of every program."""
    api, airflow = free_port(), free_port()
    with ExitStack() as started:

        def start(*command: str, **variables: str) -> "subprocess.Popen[bytes]":
            return started.enter_context(second(stack, *command, TMPDIR=str(tmp_path), **variables))

        processes = [start(*SCHEDULER), start(*DAG_PROCESSOR), start(*API_SERVER, str(airflow))]
        wait_for_answer(f"http://{HOST}:{airflow}/api/v2/version")
        processes.append(start(API, "-a", HOST, "-p", str(api), INGEST_AIRFLOW_URL=f"http://{HOST}:{airflow}"))
        wait_for_answer(f"http://{HOST}:{api}/")
        wait_for_two(stack, "SchedulerJob")
        yield SecondHost(replace(stack, api=f"http://{HOST}:{api}"), processes)


def test_each_program_of_two_hosts_is_killed_and_nothing_is_lost_or_duplicated(
    stack: Stack, ledger: Engine, other: SecondHost
):
    jobs: list[int] = []
    for role in ON_FIRST_HOST:
        jobs += [post_until_answered(stack, other.stack) for _ in range(JOBS_PER_KILL)]
        Processes(stack).kill(role)
    # supervisord has restarted the programs of the first host.
    wait_for_answer(f"{stack.airflow}/api/v2/version")
    for process in other.processes:
        jobs += [post_until_answered(other.stack, stack) for _ in range(JOBS_PER_KILL)]
        process.kill()
    for job in jobs:
        assert_complete(stack, ledger, job, CONTENTS, JOB_SECONDS)
        assert events(ledger, job).count("received") == 1
    assert not ownerless(stack, ledger)
    assert not ids_given_twice(ledger)
    assert_no_duplicate_runs(stack, jobs)


def assert_no_duplicate_runs(stack: Stack, jobs: list[int]) -> None:
    """Assert that each job has one run, and that no two runs of housekeeping overlapped."""
    runs = stack.request_airflow("GET", "/dags/~/dagRuns?limit=1000&run_id_pattern=job-%")["dag_runs"]
    ids = [run["dag_run_id"] for run in runs]
    assert len(ids) == len(set(ids))
    assert {f"job-{job}" for job in jobs} <= set(ids)
    housekeeping = stack.request_airflow("GET", "/dags/housekeeping/dagRuns?limit=1000&order_by=start_date")["dag_runs"]
    ended = [run for run in housekeeping if run["end_date"]]
    assert ended
    for earlier, later in pairwise(ended):
        assert earlier["end_date"] <= later["start_date"], (earlier, later)
