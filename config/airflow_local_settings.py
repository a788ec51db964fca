"""Imported by every Airflow process at its start: imports that its forks would repeat, and forks that die with it.

Found through PYTHONPATH. It does its work where tasks or DAG files are forked: in the scheduler (LocalExecutor), the
dag-processor and Celery's workers. The other commands, which fork nothing, are left as quick as they are.

- Each task is a fork that would import the same modules again; once here saves each stage about a tenth of a second.
- A worker that is killed leaves its task running, unsupervised, beside the retry; a scheduler that is killed leaves
  workers that hold its database connection, and with it the scheduler's lock. Linux ends what is forked here with the
  thread that forked it, which in all three commands is the main one.
- A LocalExecutor worker that is killed may take a lock with it that all workers share, most often that of the queue. No
  task would ever start again, and the scheduler would pass for healthy. So a scheduler ends with a killed worker;
  supervisord starts it anew, and it takes its tasks up again. Celery's workers share nothing.
"""

import contextlib
import ctypes
import importlib
import os
import signal
import sys
from types import FrameType

# Airflow takes every public name of this module for a setting of its own.
__all__: list[str] = []

FORKING_COMMANDS = frozenset({"scheduler", "dag-processor", "celery"})
AHEAD = (
    "airflow.dag_processing.bundles.local",
    "airflow.providers.standard.decorators.python",
    "airflow.sdk",
    "airflow.sdk.definitions.asset.metadata",
    "airflow.sdk.definitions.decorators",
    "airflow.sdk.definitions.decorators.condition",
    "airflow.sdk.definitions.decorators.setup_teardown",
    "airflow.sdk.definitions.decorators.task_group",
    "airflow.sdk.definitions.retry_policy",
    "airflow.sdk.execution_time.timeout",
    "airflow.version",
    "ijson",
    "ingest.stages.run_stage",
    "jinja2.ext",
    "psycopg2",
)
PR_SET_PDEATHSIG = 1


def import_ahead() -> None:
    """Import what the stages need; what cannot be imported is reported where it is needed."""
    for name in AHEAD:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def end_forks_with_parent() -> None:
    """Have each fork of this process, and of its forks, killed when its parent ends (Linux only)."""
    if sys.platform != "linux":
        return
    prctl = ctypes.CDLL(None).prctl
    parents: list[int] = []

    def remember_parent() -> None:
        parents[:] = [os.getpid()]

    def end_with_parent() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parents[0]:
            os._exit(1)

    os.register_at_fork(before=remember_parent, after_in_child=end_with_parent)


def end_with_killed_fork() -> None:
    """Have this process killed as soon as a signal has ended one of its forks (Linux only)."""
    if sys.platform != "linux":
        return

    def look(_signal_number: int, _frame: FrameType | None) -> None:
        ended = None
        # There is none any more when whoever started it was faster.
        with contextlib.suppress(ChildProcessError):
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended and ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED):
            # Not by an exception: ending in an orderly way takes the locks that may be lost.
            os.kill(os.getpid(), signal.SIGKILL)

    signal.signal(signal.SIGCHLD, look)
    # A worker outlives its task.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGCHLD, signal.SIG_DFL))


if FORKING_COMMANDS.intersection(sys.argv[1:2]):
    import_ahead()
    end_forks_with_parent()
if sys.argv[1:2] == ["scheduler"] and os.environ.get("AIRFLOW__CORE__EXECUTOR") == "LocalExecutor":
    end_with_killed_fork()
