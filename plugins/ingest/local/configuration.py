"""supervisord's configuration: the programs, and how each is stopped. Written by `ingest.local.supervision`.

The priorities stop everything but PostgreSQL simultaneously, then PostgreSQL. A program that does not end within
5 seconds of SIGTERM is killed with its process group. Airflow's tasks run in process groups of their own and end with
their parents (config/airflow_local_settings.py).
"""

import os

from ingest.local import program
from ingest.local.executor import CELERY
from ingest.local.layout import Layout

SERVICES = (program.API_SERVER, program.SCHEDULER, program.DAG_PROCESSOR, program.API)
# The same as in docker-compose.yaml.
WORKERS_STOP_SECONDS = 30
ONE_SHOT = (program.INITDB, program.MIGRATION, program.AIRFLOW_CLEANUP)
GROUP = "services"

HEAD = """\
[supervisord]
nodaemon = true
logfile = logs/supervisord.log
logfile_maxbytes = 20MB
logfile_backups = 2
pidfile = supervisord.pid
childlogdir = logs
{user}
[unix_http_server]
file = {socket}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[group:{group}]
programs = {services}
priority = 900
"""

PROGRAM = """
[program:{name}]
command = python -m ingest.local.program {name}
autostart = false
redirect_stderr = true
stdout_logfile = logs/{name}.log
stdout_logfile_maxbytes = 20MB
stdout_logfile_backups = 2
"""
SERVICE = "autorestart = true\nstopsignal = TERM\nstopwaitsecs = 5\nstopasgroup = true\nkillasgroup = true\n"
ONE_SHOT_OPTIONS = "autorestart = false\nstartsecs = 0\nstopasgroup = true\nkillasgroup = true\nstopwaitsecs = 5\n"
# Redis stops after the programs that use it.
BROKER = "autorestart = true\npriority = 500\nstopsignal = TERM\nstopwaitsecs = 5\n"
# A worker that stops gives its stages time to end, so the signal must not go to them (config/airflow_local_settings.py).
WORKER = f"autorestart = true\nstopsignal = TERM\nstopwaitsecs = {WORKERS_STOP_SECONDS}\nkillasgroup = true\n"
# SIGINT is PostgreSQL's fast shutdown. PostgreSQL stops its own processes, so the signal must not go to the group.
DATABASE = "autorestart = true\npriority = 1\nstopsignal = INT\nstopwaitsecs = 10\nkillasgroup = true\n"


def services_of(executor: str) -> tuple[str, ...]:
    """Return the programs that run as long as the stack, except PostgreSQL, in the order of their start."""
    return (program.REDIS, *SERVICES, *program.WORKERS) if executor == CELERY else SERVICES


def full_name(name: str) -> str:
    """Return the name of a program in calls to supervisord."""
    return f"{GROUP}:{name}" if name in (*SERVICES, *program.WORKERS) else name


def configuration(layout: Layout) -> str:
    """Return supervisord's configuration; its paths are plain, or relative to INGEST_HOME.

    It holds the programs of both executors, because none starts by itself.
    """
    user = "user = root\n" if os.geteuid() == 0 else ""
    socket = layout.sockets / "supervisor.sock"
    parts = [HEAD.format(user=user, socket=socket, group=GROUP, services=",".join([*SERVICES, *program.WORKERS]))]
    kinds = {program.POSTGRES: DATABASE, program.REDIS: BROKER} | dict.fromkeys(SERVICES, SERVICE)
    kinds |= dict.fromkeys(program.WORKERS, WORKER) | dict.fromkeys(ONE_SHOT, ONE_SHOT_OPTIONS)
    parts += [PROGRAM.format(name=name) + options for name, options in kinds.items()]
    return "".join(parts)
