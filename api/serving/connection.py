"""A client's connection, with the state that the loop of the server keeps for it. Made by `api.serving.worker`."""

from typing import TYPE_CHECKING

from gunicorn.workers.gthread import TConn

from api.serving.http_request import RequestParser

if TYPE_CHECKING:
    from api.serving.held_requests import HoldRequest


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
