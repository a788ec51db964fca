"""Answers of any length, sent as fast as their clients read them. Used by `api.routes.receipts` and `pages.export`.

`ClientSocket` keeps only a few megabytes for a client that reads slowly. So parts are sent in slices, and the thread that
makes a long answer waits after each slice until it is sent. Few such answers are sent simultaneously, because all other
requests need threads too.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from threading import BoundedSemaphore

from flask import Response, request

from api.request_errors import TooManyDownloads
from api.serving.client_socket import ClientSocket

# Set by gunicorn only.
SOCKET = "gunicorn.socket"
# In each process of the server.
MOST_ANSWERS = 8
# In bytes; much less than `ClientSocket` keeps.
SLICE = 1024**2
RETRY_SECONDS = 10

_slots = BoundedSemaphore(MOST_ANSWERS)


def send_at_the_clients_pace(parts: Iterable[bytes], content_type: str) -> Response:
    """Answer with parts of any size, of which one is in memory.

    Raises TooManyDownloads, and the errors of the first part.
    """
    sent = _paced(parts, request.environ.get(SOCKET))
    # The generator frees its slot when it is closed or forgotten, but only if it was started.
    first = next(sent, b"")
    return Response(chain([first], sent), content_type=content_type)


def _paced(parts: Iterable[bytes], client: object) -> Iterator[bytes]:
    if not _slots.acquire(blocking=False):
        again = {"Retry-After": str(RETRY_SECONDS)}
        raise TooManyDownloads(f"{MOST_ANSWERS} long answers are being sent; send the request again later", again)
    try:
        for part in _sliced(parts):
            yield part
            if isinstance(client, ClientSocket):
                client.wait_until_sent()
    finally:
        _slots.release()


def _sliced(parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        for start in range(0, len(part), SLICE):
            yield part[start : start + SLICE]
