"""The environment of every process of the stack. Called at launch, once; supervisord hands it to its programs.

What the user has set wins where it is about ingest or about tuning; the instance's own databases, addresses and keys
are never taken from outside, so that an `AIRFLOW__...` of another Airflow cannot make us migrate that one's database.
"""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from ingest.errors.types import MoveFolderUnavailable
from ingest.local.credentials import ADMIN, INGEST, Credentials
from ingest.local.layout import PROJECT, Layout, write_private
from ingest.local.ports import HOST, Ports
from ingest.local.reporting import LaunchFailure
from ingest.services.archive_staging import check_private
from ingest.settings.loading import CONFIG_FILE_VARIABLE, Settings, given_settings, load_settings, sources
from ingest.settings.types import folder_of

AIRFLOW_TUNING = {
    "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
    "AIRFLOW__CORE__PARALLELISM": "8",
    # An idle scheduler looks for work this often; what a waiting job costs in latency, an idle machine pays in power.
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
    # An api-server that is away for two minutes costs no task a try: what a task has to tell it is tried for some three
    # minutes, at most ten seconds apart, and for as long nobody takes a silent task for dead.
    "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "40",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "180",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "20",
    "AIRFLOW__WORKERS__MISSING_DAG_RETRY_DELAY": "10",
    # A worker that has ended a task takes the next one only when this has passed.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    # The api-server's event loop asks the database too. When requests have taken all connections (5 and 10 more by default),
    # it waits half a minute for one, and they wait for the event loop before they give theirs back.
    "AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW": "50",
    "AIRFLOW__API__INSTANCE_NAME": "Pacifica Ingest",
}


def database_url(layout: Layout, database: str) -> str:
    """Return the URL of a database, as the role that owns it, for psycopg2 and asyncpg alike."""
    return f"postgresql+psycopg2://{database}@/{database}?host={quote(str(layout.sockets), safe='')}"


def own_environment(user: Mapping[str, str], layout: Layout, ports: Ports, credentials: Credentials) -> dict[str, str]:
    """Give the variables that the stack sets or completes; raises ConfigurationError for a wrong ingest setting."""
    tuning = {name: user.get(name) or value for name, value in AIRFLOW_TUNING.items()}
    paths = {
        "INGEST_HOME": str(layout.home),
        "INGEST_PORT": str(ports.ingest),
        "AIRFLOW_PORT": str(ports.airflow),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), user.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(str(PROJECT / name) for name in ("config", "plugins", "")),
        **{name: _without_proxy(user, name) for name in ("NO_PROXY", "no_proxy")},
    }
    return {**tuning, **_airflow(layout, ports, credentials), **_ingest(user, layout, ports, credentials), **paths}


def check_move_folders(environment: Mapping[str, str]) -> None:
    """Raise LaunchFailure for a folder of moves that is not there, or of staging that others could exchange."""
    settings = load_settings(environment)
    for folder in settings.move_folders:
        if not folder.is_dir():
            raise LaunchFailure(
                f"INGEST_MOVE_FOLDERS: {folder} is no folder; make or mount it, or take it from the list"
            )
    for folder in settings.move_staging if folder_of(settings.archiveinterface_url) is None else ():
        try:
            check_private(folder)
        except (OSError, MoveFolderUnavailable) as error:
            raise LaunchFailure(f"INGEST_MOVE_STAGING: {error}") from error


def whole_environment(user: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Lay the stack's own variables over the user's, without those that would lead to another Airflow."""
    misleading = {"AIRFLOW_CONFIG", "PYTHONHOME", "PYTHONSTARTUP"}
    return {name: value for name, value in user.items() if name not in misleading} | dict(own)


def write_environment(layout: Layout, own: Mapping[str, str]) -> None:
    """Write the variables for an admin's shell: `. var/environment`."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(own.items()) if name != "PATH"]
    lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
    write_private(layout.home / "environment", "\n".join(lines) + "\n")


def _airflow(layout: Layout, ports: Ports, credentials: Credentials) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(layout.airflow),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        # config/airflow_local_settings.py needs it: what is forked dies with its parent.
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
    # Empty where it is not set: a file in the home folder may be a facility's, and lead to its database.
    named_file = {CONFIG_FILE_VARIABLE: user.get(CONFIG_FILE_VARIABLE, "")}
    given = given_settings({**user, **named_file})
    defaults = {
        "volume_path": ("VOLUME_PATH", str(layout.home / "spool")),
        "archiveinterface_url": ("ARCHIVEINTERFACE_URL", f"file://{quote(str(layout.home / 'archive'))}"),
        "move_folders": ("INGEST_MOVE_FOLDERS", str(layout.home / "move")),
        "move_staging": ("INGEST_MOVE_STAGING", str(layout.home / "staging")),
        "database_url": ("INGEST_DATABASE_URL", database_url(layout, "ingest")),
        "connect_wait": ("DATABASE_CONNECT_WAIT", "1"),
    }
    variables = [variable for source in sources(Settings).values() for variable in source["environment"]]
    own = {
        **named_file,
        # Also what is given already, so that an admin's shell asks the same services as the stack.
        **{variable: user[variable] for variable in variables if variable in user},
        **{variable: value for name, (variable, value) in defaults.items() if name not in given},
        "INGEST_AIRFLOW_URL": ports.airflow_url,
        "INGEST_AIRFLOW_USERNAME": INGEST,
        "INGEST_AIRFLOW_PASSWORD": credentials.ingest_password,
    }
    # Only now: some settings must go with others.
    load_settings({**user, **own})
    return own


def _without_former_url(user: Mapping[str, str], layout: Layout) -> dict[str, str]:
    """Leave out the ledger's URL that an earlier version has given a shell: it names the superuser."""
    former = database_url(layout, "ingest").replace("//ingest@", "//postgres@")
    return {name: value for name, value in user.items() if (name, value) != ("INGEST_DATABASE_URL", former)}


def _without_proxy(user: Mapping[str, str], name: str) -> str:
    return ",".join(filter(None, [user.get(name), HOST, "localhost"]))
