"""The body of a request, as a stream that a thread reads while it arrives. Used by `bundle_upload`."""

import asyncio

from anyio import from_thread
from fastapi import Request
from starlette.requests import ClientDisconnect

from ingest.errors.types import IncompleteBody


class RequestBody:
    """A body that is never in memory as a whole: one part of it is, and the connection holds the rest."""

    def __init__(self, request: Request, timeout: float) -> None:
        """Read nothing yet; the client may send nothing for `timeout` seconds."""
        self._parts = request.stream()
        self._timeout = timeout
        self._part = b""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end; call it in a thread. Raises IncompleteBody."""
        if not self._part:
            self._part = from_thread.run(self._next)
        block, self._part = self._part[:size], self._part[size:]
        return block

    async def _next(self) -> bytes:
        """Return the next part that is not empty; an empty one at the end."""
        try:
            async with asyncio.timeout(self._timeout):
                while (part := await anext(self._parts, None)) is not None:
                    if part:
                        return part
        except TimeoutError:
            raise IncompleteBody(f"nothing arrived for {self._timeout:g} seconds") from None
        except ClientDisconnect:
            raise IncompleteBody("the connection broke before the whole bundle had arrived") from None
        return b""
