"""The console script `pacifica-ingest`: the API under gunicorn.

gunicorn with threads, because it is the one server that tells a chunked body that was cut from one that ended
(docs/decisions say what was measured). Each of its processes makes its own application after the fork.
"""

import argparse
import os
import resource
import socket
import sys
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from api import cherrypy_file, wsgi
from api.access.authentication import make_authentication
from api.cherrypy_file import LARGEST_PORT, Listening
from api.receiving.upload_slots import UploadSlots
from api.serving.logs import ServerLog
from api.serving.worker import Worker
from ingest.errors.types import ConfigurationError
from ingest.settings.access import NONE
from ingest.settings.loading import CONFIG_FILE_VARIABLE, Settings, load_settings
from ingest.system.addresses import is_loopback
from ingest.system.linux import keep_freed_memory

DEFAULT_PORT = 8066
DEFAULT_ADDRESS = "127.0.0.1"
BACKLOG = 1024
USAGE_ERROR = 2
PROCESSES = 2
# Threads of a process that no upload can take, not even if all uploads come to the same process.
THREADS_FOR_OTHERS = 32
# Clients of a process, also those that only wait; and what else it may open: files, the database, Airflow.
CONNECTIONS = 8192
OTHER_FILES = 512
# A worker whose threads all compute is busy, not dead, and uploads run in it.
LIVENESS_SECONDS = 300
SHUTDOWN_SECONDS = 4
KEEPALIVE_SECONDS = 15
# Blocks of bodies: mapped and unmapped anew, each would take about twice the time to be received.
LARGEST_KEPT_BLOCK = 32 * 1024**2
KEPT_MEMORY = 256 * 1024**2


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, told all it must know by this module: no file, no variable and no argument of its own."""

    def __init__(self, listener: socket.socket, settings: Settings) -> None:
        self._listener = listener
        self._uploads_at_once = settings.uploads_at_once
        self._upload_slots = UploadSlots(settings.uploads_at_once)
        super().__init__(prog="pacifica-ingest")

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults; called by gunicorn."""
        for name, value in _options(self._listener, self._uploads_at_once).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the application; called by gunicorn in each process after the fork."""
        return wsgi.create(self._upload_slots)


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to stop; ends the process with 2 for wrong settings, 1 for an address that is not free."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.config is not None:
        os.environ[CONFIG_FILE_VARIABLE] = options.config
    try:
        address, port = _place(options)
        settings = load_settings()
        make_authentication(settings)
        listener = _listen(address, port, local_only=settings.authentication == NONE)
    except ConfigurationError as error:
        parser.exit(USAGE_ERROR, f"pacifica-ingest: {error.text}\n")
    except OSError as error:
        parser.exit(1, f"pacifica-ingest: cannot listen on {address} port {port}: {error}\n")
    # gunicorn would cut it off every path.
    os.environ.pop("SCRIPT_NAME", None)
    keep_freed_memory(LARGEST_KEPT_BLOCK, KEPT_MEMORY)
    Server(listener, settings).run()


def _place(options: argparse.Namespace) -> tuple[str, int]:
    """Give where to listen: as the options say, else as the original's CherryPy file says, else here on 8066."""
    said = Listening()
    if options.cp_config is not None or options.address is None or options.port is None:
        said = _from_cherrypy_file(cherrypy_file.find_file(options.cp_config, os.environ))
    address = options.address if options.address is not None else said.address or DEFAULT_ADDRESS
    ports = (port for port in (options.port, said.port, DEFAULT_PORT) if port is not None)
    return address, next(ports)


def _from_cherrypy_file(path: Path | None) -> Listening:
    if path is None:
        return Listening()
    said = cherrypy_file.read_file(path)
    if said.ignored:
        names = ", ".join(said.ignored)
        sys.stderr.write(f"pacifica-ingest: {path}: not used, because there is no CherryPy here: {names}\n")
    return said


def _options(listener: socket.socket, uploads_at_once: int) -> dict[str, Any]:
    return {
        # gunicorn closes the descriptor that it is given, so it gets one of its own.
        "bind": f"fd://{os.dup(listener.fileno())}",
        "worker_class": Worker,
        "logger_class": ServerLog,
        "workers": PROCESSES,
        "threads": uploads_at_once + THREADS_FOR_OTHERS,
        "worker_connections": _connections(),
        "timeout": LIVENESS_SECONDS,
        "graceful_timeout": SHUTDOWN_SECONDS,
        "keepalive": KEEPALIVE_SECONDS,
        "preload_app": False,
        # It would send files by waiting for the client.
        "sendfile": False,
        "control_socket_disable": True,
        # No header changes the path or the scheme of a request, from wherever it comes.
        "forwarder_headers": "",
        "secure_scheme_headers": {},
        "forwarded_allow_ips": "",
        "limit_request_line": 4094,
        "limit_request_fields": 100,
        "limit_request_field_size": 8190,
    }


def _connections() -> int:
    """Allow this process as many open files as it needs, and give how many connections they are enough for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    return max(allowed - OTHER_FILES, allowed // 2)


def _listen(address: str, port: int, *, local_only: bool) -> socket.socket:
    family, kind, protocol, _, endpoint = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    if local_only and not is_loopback(str(endpoint[0])):
        raise ConfigurationError(
            f"{address} is open to other machines, but nobody has to prove who they are: set INGEST_AUTHENTICATION to proxy "
            "or token (docs/how-to/install.md says how), or to open if whoever reaches it may do everything"
        )
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(endpoint)
    listener.listen(BACKLOG)
    return listener


def _port(text: str) -> int:
    # Python would quietly listen on 99999 - 65536.
    if not text.isdecimal() or int(text) > LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {LARGEST_PORT}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pacifica-ingest", description="Run the API of Pacifica Ingest: receive bundles, report jobs."
    )
    parser.add_argument(
        "--cp-config",
        metavar="FILE",
        help=f"the original's CherryPy file, of which host and port are taken where -a and -p are missing "
        f"(default: ${cherrypy_file.VARIABLE})",
    )
    parser.add_argument(
        "-c", "--config", metavar="FILE", help=f"the INI file of settings (default: ${CONFIG_FILE_VARIABLE})"
    )
    parser.add_argument("-p", "--port", type=_port, help=f"the port to listen on (default: {DEFAULT_PORT})")
    parser.add_argument(
        "-a",
        "--address",
        help=f"the address to listen on (default: {DEFAULT_ADDRESS}; 0.0.0.0 lets other machines in, for which "
        "INGEST_AUTHENTICATION must say how they prove who they are)",
    )
    return parser


if __name__ == "__main__":
    main()
