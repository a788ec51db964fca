"""An HTTP connection to an address that was checked: the name is resolved once, and no other address is connected to.

Called by `ingest.operations.notify.delivery`. A check of the name before the request would not be enough: the name could
resolve to another address when the connection is made (DNS rebinding).
"""

import contextlib
import socket
import ssl
import time
from http.client import HTTP_PORT, HTTPS_PORT, HTTPConnection
from urllib.parse import SplitResult

from ingest.system.addresses import is_public

CONNECT_TIMEOUT_SECONDS = 5


class AddressRefused(Exception):
    """The name of a receiver resolves to no public address."""


class CheckedConnection(HTTPConnection):
    """A connection for one request, which ends at a deadline at the latest.

    TLS checks the certificate for the name in the URL. Proxies of the environment are not used: they would choose the
    address.
    """

    def __init__(self, url: SplitResult, deadline: float, *, allow_private: bool) -> None:
        """`deadline` is a time of `time.monotonic`."""
        is_tls = url.scheme == "https"
        self.default_port = HTTPS_PORT if is_tls else HTTP_PORT
        super().__init__(url.hostname or "", url.port)
        self._tls = ssl.create_default_context() if is_tls else None
        self._deadline = deadline
        self._allow_private = allow_private
        # `sock` is None as soon as an answer says that the connection ends with it, although the rest is still read.
        self._connected: socket.socket | None = None

    def connect(self) -> None:
        """Connect to the first checked address that accepts; raises AddressRefused, OSError."""
        self.sock = self._connect_to_any(self._checked_addresses())
        if self._tls is not None:
            # The handshake is separate, so that `abort` reaches the socket also while it lasts.
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
        self._connected = self.sock
        self.sock.settimeout(self._seconds_left())
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.do_handshake()

    def abort(self) -> None:
        """End the connection while another thread uses it; its next read fails."""
        if self._connected is not None:
            with contextlib.suppress(OSError):
                # Of the socket below TLS, whose own state belongs to the other thread.
                socket.socket.shutdown(self._connected, socket.SHUT_RDWR)

    def _checked_addresses(self) -> list[str]:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        allowed = [address for address in addresses if self._allow_private or is_public(address)]
        if not allowed:
            raise AddressRefused(f"{addresses[0]} is not a public address; set allow_private if it is the receiver's")
        return allowed

    def _connect_to_any(self, addresses: list[str]) -> socket.socket:
        for address in addresses[:-1]:
            with contextlib.suppress(OSError):
                return self._connect_to(address)
        return self._connect_to(addresses[-1])

    def _connect_to(self, address: str) -> socket.socket:
        timeout = min(CONNECT_TIMEOUT_SECONDS, self._seconds_left())
        return socket.create_connection((address, self.port), timeout)

    def _seconds_left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
