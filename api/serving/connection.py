"""A client's connection, with the state that the loop of the server keeps for it. Made by `api.serving.worker`."""

import errno
import socket
from typing import TYPE_CHECKING, Self

from gunicorn.config import Config
from gunicorn.workers.gthread import TConn

from api.serving.client_socket import ClientSocket
from api.serving.http_request import RequestParser

if TYPE_CHECKING:
    from api.serving.held_requests import HoldRequest

NOTHING_TO_ACCEPT = frozenset({errno.EAGAIN, errno.ECONNABORTED})


class Connection(TConn):  # type: ignore[misc]
    """A client's connection: owned by the loop between two requests, by a thread during a request."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.parser = RequestParser(self.cfg, self.sock, self.client)
        self.data_ready = True
        self.head = bytearray()
        self.stays_open = False
        # The bytes with which the current request was handled, and why it is held, if it is.
        self.handled = b""
        self.hold: HoldRequest | None = None

    @classmethod
    def accept(cls, cfg: Config, listener: socket.socket) -> Self | None:
        """Accept the connection of a client that the listener has announced; None if another process was faster."""
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno not in NOTHING_TO_ACCEPT:
                raise
            return None
        return cls(cfg, ClientSocket(fileno=accepted.detach()), address, listener.getsockname())
