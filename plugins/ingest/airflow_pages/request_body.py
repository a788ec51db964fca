"""The body of a request, as a stream that a thread reads while it arrives. Used by `bundle_upload`."""

import asyncio

from fastapi import Request

from ingest.errors.types import IncompleteBody


class RequestBody:
    """A body that is never in memory as a whole: one part of it is, and the connection holds the rest."""

    def __init__(self, request: Request, timeout: float) -> None:
        """Read nothing yet; the client may send nothing for `timeout` seconds. Call it in the event loop."""
        self._receive = request.receive
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._part = b""
        self._has_more = True

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end; call it in a thread. Raises IncompleteBody."""
        while not self._part and self._has_more:
            self._part = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
        block, self._part = self._part[:size], self._part[size:]
        return block

    async def _next(self) -> bytes:
        """Return the next part, which may be empty."""
        try:
            message = await asyncio.wait_for(self._receive(), self._timeout)
        except TimeoutError:
            raise IncompleteBody(f"nothing arrived for {self._timeout:g} seconds") from None
        if message["type"] == "http.disconnect":
            raise IncompleteBody("the connection broke before the whole bundle had arrived")
        self._has_more = message.get("more_body", False)
        return bytes(message.get("body", b""))
