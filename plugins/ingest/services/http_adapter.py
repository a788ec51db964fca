"""How requests talks to the network for `http_client`: big blocks, and one time-out for sending as for waiting."""

from functools import partial
from typing import Any, ClassVar

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

CONNECTIONS = 10


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


class TransferAdapter(HTTPAdapter):
    """An adapter that sends streams in blocks of `transfer_size` bytes; urllib3's own are of 16 KiB.

    `send_timeout` is in seconds.
    """

    def __init__(self, transfer_size: int, send_timeout: float) -> None:
        self._transfer_size = transfer_size
        self._send_timeout = send_timeout
        super().__init__(pool_connections=1, pool_maxsize=CONNECTIONS, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:  # noqa: ANN401
        """Make the pools, as requests asks for it; see the class."""
        super().init_poolmanager(connections, maxsize, block, blocksize=self._transfer_size, **pool_kwargs)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = {
            "http": self._pool_class(HTTPConnectionPool, HTTPConnection),
            "https": self._pool_class(HTTPSConnectionPool, HTTPSConnection),
        }

    def _pool_class(self, pool: type, connection: type) -> type:
        derive = partial(type, connection.__name__)
        patient = derive((_PatientSending, connection), {"send_timeout": self._send_timeout})
        return type(pool.__name__, (pool,), {"ConnectionCls": patient})
