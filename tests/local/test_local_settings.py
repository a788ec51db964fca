"""What config/airflow_local_settings.py promises: a fork of a scheduler dies with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CONFIG = Path(__file__).parents[2] / "config"
FORK_AND_WAIT = """
import os, sys, time
sys.argv = ["airflow", {command!r}]
sys.modules.update(dict.fromkeys(["airflow", "ingest"]))  # nothing of it is needed here, and it takes seconds
import airflow_local_settings
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(60)
"""


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's prctl")
@pytest.mark.parametrize(("command", "survives"), [("scheduler", False), ("dag-processor", False), ("version", True)])
def test_a_fork_dies_with_its_parent(command: str, survives: bool):
    parent = subprocess.Popen(
        [sys.executable, "-c", FORK_AND_WAIT.format(command=command)],
        env={**os.environ, "PYTHONPATH": str(CONFIG)},
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait(10)
    parent.stdout.close()

    deadline = time.monotonic() + (1 if survives else 10)
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert is_alive(child) is survives
    if survives:
        os.kill(child, signal.SIGKILL)
