"""config/airflow_local_settings.py: forks of the scheduler die with it, and it dies with a killed fork."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingest.local.executor import CELERY, CLASSES, LOCAL

CONFIG = Path(__file__).parents[2] / "config"
FORK_AND_WAIT = """
import os, sys, time
sys.argv = ["airflow", {command!r}]
sys.modules.update(dict.fromkeys(["airflow", "ingest"]))  # not needed here, and their import takes seconds
import airflow_local_settings
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(60)
"""

FORK_AND_END = """
import os, signal, sys, time
sys.argv = ["airflow", "scheduler"]
sys.modules.update(dict.fromkeys(["airflow", "ingest"]))
import airflow_local_settings
child = os.fork()
if not child:
    {end}
time.sleep({seconds})  # ends only with the process
os.waitpid(child, 0)
"""


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
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


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's waitid")
@pytest.mark.parametrize(
    ("executor", "end", "seconds", "status"),
    [
        (CLASSES[LOCAL], "os.kill(os.getpid(), signal.SIGKILL)", 60, -signal.SIGKILL),
        (CLASSES[LOCAL], "os._exit(1)", 1, 0),
        (CLASSES[CELERY], "os.kill(os.getpid(), signal.SIGKILL)", 1, 0),
    ],
)
def test_a_scheduler_whose_workers_share_locks_ends_with_one_that_is_killed(
    executor: str, end: str, seconds: int, status: int
):
    scheduler = subprocess.run(
        [sys.executable, "-c", FORK_AND_END.format(end=end, seconds=seconds)],
        env={**os.environ, "PYTHONPATH": str(CONFIG), "AIRFLOW__CORE__EXECUTOR": executor},
        timeout=90,
        check=False,
    )
    assert scheduler.returncode == status
