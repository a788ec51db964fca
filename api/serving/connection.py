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

    def begin(self) -> None:
        """Begin now."""
        self._pace = Pace(TAKEN_SECONDS, SLOWEST_READER)
        self._since = time.monotonic()

    @property
    def deadline(self) -> float:
        """When the client must have taken more."""
        return self._since + self._pace.patience

    def count(self, taken: int) -> None:
        """Count bytes that were taken now; raises TimeoutError when they are too few for the time since the last ones."""
        now = time.monotonic()
        self._pace.count(now - self._since, taken)
        self._since = now


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
