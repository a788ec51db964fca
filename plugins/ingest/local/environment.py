"""The environment of every process of the stack. Called once per launch; supervisord passes it on to its programs.

For settings of the service and for tuning, the user's variables take precedence. The instance's own databases, addresses
and keys are never taken from the user's environment: a variable of another Airflow could otherwise make us migrate its
database.
"""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from ingest.errors.types import MoveFolderUnavailable
from ingest.local.credentials import ADMIN, INGEST, Credentials
from ingest.local.executor import CELERY, CELERY_TUNING, executor_environment, find_executor
from ingest.local.layout import PROJECT, Layout, write_private
from ingest.local.ports import HOST, Ports
from ingest.local.reporting import LaunchFailure
from ingest.services.archive_staging import check_private
from ingest.settings.loading import (
    CONFIG_FILE_VARIABLE,
    Settings,
    given_settings,
    load_log_settings,
    load_settings,
    sources,
)
from ingest.settings.logs import JSON
from ingest.settings.types import folder_of

AIRFLOW_TUNING = {
    "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
    "AIRFLOW__CORE__PARALLELISM": "8",
    # Otherwise Airflow validates and copies the `conf` of a run in each of its tasks, for parameters, which our DAGs lack.
    "AIRFLOW__CORE__DAG_RUN_CONF_OVERRIDES_PARAMS": "False",
    # Parsing files that have not changed is most of what an idle dag-processor does.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
    # The executor lets the scheduler wait until there is work (config/waiting_for_work.py).
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0",
    # An api-server that is unavailable for two minutes costs no task a try: a task repeats its requests to it for about
    # three minutes, at most ten seconds apart, and a task without heartbeats is not declared dead before that.
    "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "40",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "180",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "20",
    "AIRFLOW__WORKERS__MISSING_DAG_RETRY_DELAY": "10",
    # A worker starts its next task only after this interval.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    # The api-server's event loop queries the database, too. If requests hold all connections (15 by default), it waits half
    # a minute for one, while they wait for the event loop before they release theirs.
    "AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW": "50",
    "AIRFLOW__API__INSTANCE_NAME": "Pacifica Ingest",
}


def database_url(layout: Layout, database: str) -> str:
    """Return the URL of a database, as the role that owns it, for psycopg2 and asyncpg alike."""
    return f"postgresql+psycopg2://{database}@/{database}?host={quote(str(layout.sockets), safe='')}"


def own_environment(user: Mapping[str, str], layout: Layout, ports: Ports, credentials: Credentials) -> dict[str, str]:
    """Return the variables that the stack sets or completes; raises ConfigurationError for a wrong setting."""
    executor = find_executor(user)
    defaults = {**AIRFLOW_TUNING, **(CELERY_TUNING if executor == CELERY else {}), **_log_options(user)}
    tuning = {name: user.get(name) or value for name, value in defaults.items()}
    paths = {
        "INGEST_HOME": str(layout.home),
        "INGEST_PORT": str(ports.ingest),
        "AIRFLOW_PORT": str(ports.airflow),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), user.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(str(PROJECT / name) for name in ("config", "plugins", "")),
        **{name: _without_proxy(user, name) for name in ("NO_PROXY", "no_proxy")},
    }
    chosen = executor_environment(executor, layout, database_url(layout, "airflow"))
    return {
        **tuning,
        **_airflow(layout, ports, credentials),
        **chosen,
        **_ingest(user, layout, ports, credentials),
        **paths,
    }


def _log_options(user: Mapping[str, str]) -> dict[str, str]:
    """Let Airflow's programs log in the same form as the API."""
    return {"AIRFLOW__LOGGING__JSON_LOGS": "True"} if load_log_settings(user).log_format == JSON else {}


def check_move_folders(environment: Mapping[str, str]) -> None:
    """Raise LaunchFailure for a missing move folder, or for a staging folder that other accounts could replace."""
    settings = load_settings(environment)
    for folder in settings.move_folders:
        if not folder.is_dir():
            raise LaunchFailure(
                f"INGEST_MOVE_FOLDERS: {folder} is not a folder; create or mount it, or remove it from the list"
            )
    for folder in settings.move_staging if folder_of(settings.archiveinterface_url) is None else ():
        try:
            check_private(folder)
        except (OSError, MoveFolderUnavailable) as error:
            raise LaunchFailure(f"INGEST_MOVE_STAGING: {error}") from error


def whole_environment(user: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return the user's variables overridden by the stack's own, without those that point to another Airflow."""
    misleading = {"AIRFLOW_CONFIG", "PYTHONHOME", "PYTHONSTARTUP"}
    return {name: value for name, value in user.items() if name not in misleading} | dict(own)


def write_environment(layout: Layout, own: Mapping[str, str]) -> None:
    """Write the variables to a file for an admin's shell: `. var/environment`."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(own.items()) if name != "PATH"]
    lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
    write_private(layout.home / "environment", "\n".join(lines) + "\n")


def _airflow(layout: Layout, ports: Ports, credentials: Credentials) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(layout.airflow),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        # config/airflow_local_settings.py needs it: a forked process ends with its parent.
        "AIRFLOW__CORE__MP_START_METHOD": "fork",
        "AIRFLOW__CORE__FERNET_KEY": credentials.fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{ports.airflow_url}/execution/",
        "AIRFLOW__CORE__AUTH_MANAGER": "ingest_auth_manager.IngestAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin,{INGEST}:user",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(layout.passwords),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url(layout, "airflow"),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(ports.airflow),
        "AIRFLOW__API__BASE_URL": ports.airflow_url,
        "AIRFLOW__API__SECRET_KEY": credentials.secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": credentials.jwt_secret,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(layout.airflow / "logs"),
    }


def _ingest(user: Mapping[str, str], layout: Layout, ports: Ports, credentials: Credentials) -> dict[str, str]:
    user = _without_former_url(user, layout)
    # Empty if unset: a configuration file in the home folder may belong to a facility and name its database.
    named_file = {CONFIG_FILE_VARIABLE: user.get(CONFIG_FILE_VARIABLE, "")}
    given = given_settings({**user, **named_file})
    defaults = {
        "volume_path": ("VOLUME_PATH", str(layout.home / "spool")),
        "archiveinterface_url": ("ARCHIVEINTERFACE_URL", f"file://{quote(str(layout.home / 'archive'))}"),
        "move_folders": ("INGEST_MOVE_FOLDERS", str(layout.home / "move")),
        "move_staging": ("INGEST_MOVE_STAGING", str(layout.home / "staging")),
        "database_url": ("INGEST_DATABASE_URL", database_url(layout, "ingest")),
        "receipt_key_folder": ("INGEST_RECEIPT_KEY_FOLDER", str(layout.receipt_keys)),
        "connect_wait": ("DATABASE_CONNECT_WAIT", "1"),
    }
    variables = [variable for source in sources(Settings).values() for variable in source["environment"]]
    own = {
        **named_file,
        # Also the variables that are set already, so that an admin's shell uses the same services as the stack.
        **{variable: user[variable] for variable in variables if variable in user},
        **{variable: value for name, (variable, value) in defaults.items() if name not in given},
        "INGEST_AIRFLOW_URL": ports.airflow_url,
        "INGEST_AIRFLOW_USERNAME": INGEST,
        "INGEST_AIRFLOW_PASSWORD": credentials.ingest_password,
    }
    # Check now, because some settings depend on others.
    load_settings({**user, **own})
    return own


def _without_former_url(user: Mapping[str, str], layout: Layout) -> dict[str, str]:
    """Drop the database URL that an earlier version exported to shells: it names the superuser."""
    former = database_url(layout, "ingest").replace("//ingest@", "//postgres@")
    return {name: value for name, value in user.items() if (name, value) != ("INGEST_DATABASE_URL", former)}


def _without_proxy(user: Mapping[str, str], name: str) -> str:
    return ",".join(filter(None, [user.get(name), HOST, "localhost"]))
