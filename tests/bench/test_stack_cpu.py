"""The CPU time of a stack includes its processes that have ended, such as Airflow's tasks."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.systems.stack_cpu import CPU, SECONDS, cpu_seconds, measure_jobs

WORKED = 0.3
# Uses the time in a child that ends, and then waits.
PARENT = f"""
import os, sys, time
child = os.fork()
if not child:
    while time.process_time() < {WORKED}:
        pass
    os._exit(0)
os.waitpid(child, 0)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def parent() -> Iterator["subprocess.Popen[str]"]:
    arguments = [sys.executable, "-S", "-c", PARENT]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def test_time_of_a_process_that_has_ended_counts(parent: "subprocess.Popen[str]") -> None:
    # Less than a tick of Linux's clock may be lost in each figure.
    assert WORKED - 0.05 <= cpu_seconds(parent.pid) < WORKED + 5


def test_time_is_divided_by_the_number_of_jobs(parent: "subprocess.Popen[str]") -> None:
    figures = measure_jobs(parent.pid, 10, lambda: 1.5)
    assert figures[SECONDS] == 1.5
    assert 0 <= figures[CPU] < WORKED
