"""A client's connection with what the loop of the server keeps of it. Made by `api.serving.worker`."""

import time

from gunicorn.workers.gthread import TConn

from api.serving.client_socket import SLOWEST_READER, TAKEN_SECONDS
from api.serving.http_request import RequestParser
from api.serving.pace import Pace

# A client that is being refused may still be sending. If we closed immediately, the answer would be lost with the data that
# it sent; if we never did, it could send for ever.
LINGER_BYTES = 32 * 1024**2


class Reading:
    """How a client takes its answer: begun when a thread has written it, and counted with each part that is taken."""

    def begin(self, left: int) -> None:
        """Begin now, with so many bytes that the client has not taken."""
        self._pace = Pace(TAKEN_SECONDS, SLOWEST_READER)
        self._since = time.monotonic()
        self._left = left

    @property
    def deadline(self) -> float:
        """When the client must have taken more."""
        return self._since + self._pace.patience

    def count(self, left: int) -> None:
        """Count what was taken since the last time; raises TimeoutError when it is too little."""
        now = time.monotonic()
        self._pace.count(now - self._since, self._left - left)
        self._since, self._left = now, left


class Connection(TConn):  # type: ignore[misc]
    """A client's connection: between two requests in the loop, for the time of one in a thread."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.parser = RequestParser(self.cfg, self.sock, self.client)
        self.data_ready = True
        self.head = bytearray()
        self.may_linger = LINGER_BYTES
        self.reading = Reading()
        self.stays_open = False
