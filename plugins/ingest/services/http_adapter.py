"""How urllib3 talks to the network for `http_client`: big blocks, and one time-out for sending as for waiting.

Not by way of requests, which takes as long again over each request: a small file needs three.
"""

from functools import partial
from typing import Any, ClassVar

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

# As many as a setting allows to be used at once.
CONNECTIONS = 64


class _PatientSending:
    """Lets a service take as long over a block that is sent to it as over its answer.

    urllib3 sends under the time-out for connecting, which is short. A single-threaded ArchiveInterface accepts a
    connection at once, but reads from it only when it is done with the file before.
    """

    send_timeout: ClassVar[float]

    def send(self, data: Any) -> None:  # noqa: ANN401 - the signature of http.client
        connection: Any = self
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(self.send_timeout)
        super().send(data)  # type: ignore[misc]


def make_pool(transfer_size: int, send_timeout: float) -> PoolManager:
    """Make a pool of connections that sends streams in blocks of `transfer_size` bytes; urllib3's own are of 16 KiB.

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


def _pool_class(pool: type, connection: type, send_timeout: float) -> type:
    derive = partial(type, connection.__name__)
    patient = derive((_PatientSending, connection), {"send_timeout": send_timeout})
    return type(pool.__name__, (pool,), {"ConnectionCls": patient})
