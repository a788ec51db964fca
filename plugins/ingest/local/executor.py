"""The executor of the stack: LocalExecutor, or with `INGEST_EXECUTOR=CeleryExecutor` Celery with Redis and two workers.

LocalExecutor needs fewer processes. CeleryExecutor lets tests run what a facility runs in containers (docker-compose.yaml);
it needs `redis-server`. Read at launch, and for each program's command.
"""

import shutil
from collections.abc import Mapping
from urllib.parse import quote

from ingest.local.layout import Layout
from ingest.local.reporting import LaunchFailure

VARIABLE = "INGEST_EXECUTOR"
LOCAL, CELERY = "LocalExecutor", "CeleryExecutor"
# The value of Airflow's option for each.
CLASSES = {LOCAL: "ingest_local_executor.IngestLocalExecutor", CELERY: "ingest_celery_executor.IngestCeleryExecutor"}
REDIS_PROGRAM = "redis-server"
# The same as in docker-compose.yaml, which explains them; a test compares the two.
CELERY_TUNING = {
    "AIRFLOW__CELERY__SYNC_PARALLELISM": "1",
    "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": '{"worker_max_tasks_per_child": 100}',
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "1209600",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "120",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "30",
    "AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "100000",
}
# For each of the two workers; both together run as many tasks as LocalExecutor.
CONCURRENCY = "4"


def find_executor(environment: Mapping[str, str]) -> str:
    """Return the name of the executor; raises LaunchFailure for an unknown one, or when its programs are missing."""
    name = environment.get(VARIABLE) or LOCAL
    if name not in CLASSES:
        raise LaunchFailure(f"{VARIABLE}: '{name}' is neither {LOCAL} nor {CELERY}")
    if name == CELERY and not shutil.which(REDIS_PROGRAM):
        raise LaunchFailure(f"{VARIABLE}: {CELERY} needs the program {REDIS_PROGRAM}; install Redis")
    return name


def executor_environment(executor: str, layout: Layout, database_url: str) -> dict[str, str]:
    """Return the variables that select an executor; `database_url` is that of Airflow's database."""
    chosen = {VARIABLE: executor, "AIRFLOW__CORE__EXECUTOR": CLASSES[executor]}
    if executor == LOCAL:
        return chosen
    return {
        **chosen,
        "AIRFLOW__CELERY__BROKER_URL": f"redis+socket://{quote(redis_socket(layout))}",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database_url}",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": CONCURRENCY,
    }


def redis_command(layout: Layout) -> list[str]:
    """Return the command line of Redis: on a Unix socket only, and with its queue on disk."""
    program = shutil.which(REDIS_PROGRAM) or REDIS_PROGRAM
    return [program, "--port", "0", "--unixsocket", redis_socket(layout), "--unixsocketperm", "700",
            "--dir", str(layout.redis), "--appendonly", "yes", "--save", ""]  # fmt: skip


def redis_socket(layout: Layout) -> str:
    """Return the path of Redis's socket."""
    return str(layout.sockets / "redis.sock")
