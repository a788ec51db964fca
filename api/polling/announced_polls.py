"""Let a poll join the next query of the ledger while it waits for its thread.

`api.app` registers `announce` for the worker (`api.serving.poll_queue`); `api.routes.state` reads with `joined_batch`.
Requests under another WSGI server, and all others, join when they read.
"""

import re
from collections.abc import Callable

from flask import request

from api.polling.batched_reads import Batch, BatchedReads
from api.serving.request_client import client_of

# The addresses of `api.routes.state`, as clients write them. In any other form a poll gets a thread of its own.
POLL = re.compile(rb"GET /get_state(?:\?job_id=|/)([0-9]{1,18}) HTTP/1\.[01]\r\n")


def announcer(reads: BatchedReads) -> Callable[[bytes], Batch | None]:
    """Return a function that lets a request join the next query, by the request's head; None if it is not a poll."""

    def announce(head: bytes) -> Batch | None:
        found = POLL.match(head)
        return reads.join(int(found[1])) if found else None

    return announce


def joined_batch() -> Batch | None:
    """Return the query that the current request has joined, once: what is read later must be newer."""
    client = client_of(request.environ)
    if client is None:
        return None
    announced, client.announced = client.announced, None
    return announced if isinstance(announced, Batch) else None
