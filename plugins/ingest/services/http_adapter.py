"""Configures urllib3 for `http_client`: large blocks, and the same time-out for sending as for receiving.

The library requests is not used, because it doubles the time of each request, and a small file needs two.
"""

import socket
from functools import partial
from typing import Any, ClassVar

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import parse_url

# The maximum of the setting `archive_connections`.
CONNECTIONS = 64


class _SendTimeout:
    """Applies the read time-out to sending.

    urllib3 sends with the time-out for connecting, which is short. A single-threaded ArchiveInterface accepts a connection
    immediately, but reads from it only after it has finished the previous file.
    """

    send_timeout: ClassVar[float]

    def send(self, data: Any) -> None:  # noqa: ANN401 - the signature of http.client
        connection: Any = self
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(self.send_timeout)
        super().send(data)  # type: ignore[misc]


def make_pool(transfer_size: int, send_timeout: float) -> PoolManager:
    """Return a pool of connections that sends streams in blocks of `transfer_size` bytes instead of urllib3's 16 KiB.

    `send_timeout` is in seconds.
    """
    pool = PoolManager(
        1, maxsize=CONNECTIONS, blocksize=transfer_size, cert_reqs="CERT_REQUIRED", ca_certs=DEFAULT_CA_BUNDLE_PATH
    )
    pool.pool_classes_by_scheme = {
        "http": _pool_class(HTTPConnectionPool, HTTPConnection, send_timeout),
        "https": _pool_class(HTTPSConnectionPool, HTTPSConnection, send_timeout),
    }
    return pool


def connect(url: str, timeout: float) -> socket.socket:
    """Open a connection to the service of a URL, with TLS if it is https; `timeout` is in seconds.

    Raises urllib3's HTTPError, OSError.
    """
    parsed = parse_url(url)
    host = str(parsed.host)
    if parsed.scheme == "https":
        connection: HTTPConnection = HTTPSConnection(
            host, parsed.port or 443, timeout=timeout, cert_reqs="CERT_REQUIRED", ca_certs=DEFAULT_CA_BUNDLE_PATH
        )
    else:
        connection = HTTPConnection(host, parsed.port or 80, timeout=timeout)
    connection.connect()
    opened: socket.socket = connection.sock
    return opened


def _pool_class(pool: type, connection: type, send_timeout: float) -> type:
    derive = partial(type, connection.__name__)
    with_send_timeout = derive((_SendTimeout, connection), {"send_timeout": send_timeout})
    return type(pool.__name__, (pool,), {"ConnectionCls": with_send_timeout})
