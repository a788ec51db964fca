"""The socket that the server listens on, and how many connections it supports. Used by `api.server`."""

import resource
import socket

from ingest.errors.types import ConfigurationError
from ingest.system.addresses import is_loopback

BACKLOG = 1024
# Per process: connections of clients, including idle ones, and other open files (spool, database, Airflow).
MAX_CONNECTIONS = 8192
OTHER_FILES = 512


def listen(address: str, port: int, *, local_only: bool) -> socket.socket:
    """Return a socket that listens; raises OSError, and ConfigurationError for an address that `local_only` forbids."""
    family, kind, protocol, _, endpoint = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    if local_only and not is_loopback(str(endpoint[0])):
        raise ConfigurationError(
            f"{address} accepts connections from other machines, but authentication is off: set INGEST_AUTHENTICATION to "
            "proxy or token (see docs/how-to/install.md), or to open to give everyone who can connect all rights"
        )
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(endpoint)
    listener.listen(BACKLOG)
    return listener


def allow_connections() -> int:
    """Raise this process's limit of open files as far as needed and possible; return the connections that it permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    return max(allowed - OTHER_FILES, allowed // 2)
