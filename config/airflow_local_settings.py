"""Prepares the Airflow processes that fork: imports modules before the forks, and ends the forks with their parent.

Airflow imports this module, which it finds through PYTHONPATH, at the start of every process. It acts only in the commands
that fork tasks or DAG files: the scheduler (LocalExecutor), the dag-processor and Celery's workers.

- **Imports.** Each task is a fork that would import the same modules again. Importing them once, before the forks, saves
  about a tenth of a second per stage.
- **Work.** What Airflow repeats in each task is done once (`airflow_task_costs`).
- **Orphans.** When a worker is killed, its task would continue beside the retry. When a scheduler is killed, its workers
  would keep its database connection, and with it the scheduler's lock. So Linux kills each fork when the thread that forked
  it ends; in all three commands that is the main thread.
- **Lost locks.** A LocalExecutor worker that is killed may hold a lock that all workers share, most often that of the queue.
  Then no task would ever start again, although the scheduler looks healthy. So a scheduler ends together with a killed
  worker; supervisord restarts it, and it adopts its tasks. Celery's workers share no lock.
- **Stopped workers.** A Celery worker that gets SIGTERM accepts no more tasks and waits for those that run, however long
  they take. So after some seconds it sends them SIGTERM: each records in the ledger that it was stopped, and Airflow starts
  its next try on another worker.
"""

import contextlib
import ctypes
import importlib
import os
import signal
import sys
import threading
from types import FrameType

from airflow_task_costs import spare_tasks_work

# Airflow treats every public name of this module as one of its own settings.
__all__: list[str] = []

LOCAL_EXECUTOR = "ingest_local_executor.IngestLocalExecutor"
FORKING_COMMANDS = frozenset({"scheduler", "dag-processor", "celery"})
PRELOADED_MODULES = (
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
    # Imported by SQLAlchemy when it makes an engine.
    "psycopg2.extras",
)
PR_SET_PDEATHSIG = 1
# Short stages end within it. The supervisor of a worker must kill it some seconds later (`stop_grace_period` in
# docker-compose.yaml).
STAGE_GRACE_SECONDS = 10


def preload_modules() -> None:
    """Import the modules that tasks need; an import error is reported later, by the code that needs the module."""
    for name in PRELOADED_MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    # OpenTelemetry raises other errors for invalid variables, too.
    with contextlib.suppress(Exception):
        if importlib.import_module("ingest.system.trace_exporter").is_on():
            importlib.import_module("ingest.system.opentelemetry_spans")


def end_forks_with_parent() -> None:
    """Make Linux kill each fork of this process, and of its forks, when its parent ends."""
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
    """Kill this process as soon as a signal has ended one of its forks (Linux only)."""
    if sys.platform != "linux":
        return

    def check_child(_signal_number: int, _frame: FrameType | None) -> None:
        ended = None
        # The code that started the fork may have waited for it already.
        with contextlib.suppress(ChildProcessError):
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended and ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED):
            # Not by an exception: the orderly shutdown would wait for the locks that may be lost.
            os.kill(os.getpid(), signal.SIGKILL)

    signal.signal(signal.SIGCHLD, check_child)
    # A worker must not end with a task that is killed.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGCHLD, signal.SIG_DFL))


def end_tasks_of_stopped_worker() -> None:
    """Send SIGTERM to the tasks of this Celery worker when it has been stopping for `STAGE_GRACE_SECONDS`."""
    psutil, signals = importlib.import_module("psutil"), importlib.import_module("celery.signals")

    def terminate_tasks() -> None:
        # Those that run a task pass the signal on to it; the others have nothing to finish.
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess):
                child.terminate()

    def begin_grace_period(**_details: object) -> None:
        timer = threading.Timer(STAGE_GRACE_SECONDS, terminate_tasks)
        timer.daemon = True
        timer.start()

    # Celery would forget a function that nothing else refers to.
    signals.worker_shutting_down.connect(begin_grace_period, weak=False)


if FORKING_COMMANDS.intersection(sys.argv[1:2]):
    preload_modules()
    spare_tasks_work()
    end_forks_with_parent()
if sys.argv[1:2] == ["scheduler"] and os.environ.get("AIRFLOW__CORE__EXECUTOR") == LOCAL_EXECUTOR:
    end_with_killed_fork()
if sys.argv[1:3] == ["celery", "worker"]:
    end_tasks_of_stopped_worker()
