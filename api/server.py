"""The console script `pacifica-ingest`: the API under gunicorn.

gunicorn with threads, because it is the only measured server that distinguishes a chunked body that was cut off from a
complete one (docs/decisions/0002). Each of its processes creates its own application after the fork.
"""

import gc
import os
import socket
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from api import wsgi
from api.access.authentication import make_authentication
from api.access.scrape_token import ScrapeToken
from api.command_line import PROGRAM, listening_address, make_parser
from api.metrics.process_files import shared_folder
from api.receiving.upload_slots import UploadSlots
from api.serving.listener import allow_connections, listen
from api.serving.logs import ServerLog, configure_logging, is_json
from api.serving.worker import Worker
from ingest.errors.types import ConfigurationError
from ingest.settings.access import NONE
from ingest.settings.loading import CONFIG_FILE_VARIABLE, Settings, load_settings
from ingest.system.linux import keep_freed_memory

USAGE_ERROR = 2
PROCESSES = 2
# Threads of a process that remain free even if all uploads reach the same process.
THREADS_FOR_OTHERS = 32
# Long, because a worker whose threads all compute is busy, not dead, and receives uploads.
LIVENESS_SECONDS = 300
SHUTDOWN_SECONDS = 4
KEEPALIVE_SECONDS = 15
# Memory for the blocks of bodies is kept after use: mapping it again for each block would double the time of an upload.
LARGEST_KEPT_BLOCK = 32 * 1024**2
KEPT_MEMORY = 256 * 1024**2


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured by this module only: it reads no file, no variable and no argument of its own."""

    def __init__(self, listener: socket.socket, settings: Settings) -> None:
        self._listener = listener
        self._uploads_at_once = settings.uploads_at_once
        self._upload_slots = UploadSlots(settings.uploads_at_once)
        super().__init__(prog=PROGRAM)

    def load_config(self) -> None:
        """Set the options that differ from gunicorn's defaults; called by gunicorn."""
        for name, value in _options(self._listener, self._uploads_at_once).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Create the application; called by gunicorn in each process after the fork."""
        return wsgi.create(self._upload_slots)


def main(arguments: list[str] | None = None) -> None:
    """Run the server until it is stopped; exits with 2 for invalid settings, 1 for an address that cannot be bound."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.config is not None:
        os.environ[CONFIG_FILE_VARIABLE] = options.config
    try:
        if is_json():
            # Otherwise warnings about settings are logged as they are, before the server has processes.
            configure_logging()
        address, port = listening_address(options)
        settings = load_settings()
        make_authentication(settings)
        ScrapeToken(settings)
        listener = listen(address, port, local_only=settings.authentication == NONE)
    except ConfigurationError as error:
        parser.exit(USAGE_ERROR, f"{PROGRAM}: {error.text}\n")
    except OSError as error:
        parser.exit(1, f"{PROGRAM}: cannot listen on {address} port {port}: {error}\n")
    # gunicorn would remove this prefix from every path.
    os.environ.pop("SCRIPT_NAME", None)
    keep_freed_memory(LARGEST_KEPT_BLOCK, KEPT_MEMORY)
    # The garbage collector would write to every imported object, and so copy the memory that the processes share.
    gc.freeze()
    with shared_folder():
        Server(listener, settings).run()


def _options(listener: socket.socket, uploads_at_once: int) -> dict[str, Any]:
    return {
        # A duplicate, because gunicorn closes the descriptor that it gets.
        "bind": f"fd://{os.dup(listener.fileno())}",
        "worker_class": Worker,
        "logger_class": ServerLog,
        "workers": PROCESSES,
        "threads": uploads_at_once + THREADS_FOR_OTHERS,
        "worker_connections": allow_connections(),
        "timeout": LIVENESS_SECONDS,
        "graceful_timeout": SHUTDOWN_SECONDS,
        "keepalive": KEEPALIVE_SECONDS,
        "preload_app": False,
        # With it, sending a file would wait for the client.
        "sendfile": False,
        "control_socket_disable": True,
        # No header changes the path or the scheme of a request, whatever sent it.
        "forwarder_headers": "",
        "secure_scheme_headers": {},
        "forwarded_allow_ips": "",
        "limit_request_line": 4094,
        "limit_request_fields": 100,
        "limit_request_field_size": 8190,
    }


if __name__ == "__main__":
    main()
