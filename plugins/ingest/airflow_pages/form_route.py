"""Routes that receive forms: a form is refused when it is too large or too slow, before FastAPI has read it into memory.

Used by `job_changes` and `selection`. Airflow's api-server limits neither, and a form is read before its login is checked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from ingest.pages.csrf import LARGEST_FORM

# The messages of ASGI.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
LONGEST_SECONDS = 30.0
TOO_LARGE = f"A form may have at most {LARGEST_FORM} bytes. Select fewer jobs."
TOO_SLOW = f"The form did not arrive within {LONGEST_SECONDS:g} seconds. Send it again."


class FormRoute(APIRoute):
    """A route whose requests have small bodies."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of requests; called by FastAPI."""
        handle = super().get_route_handler()

        async def handle_limited(request: Request) -> Response:
            return await handle(Request(request.scope, limited(request.receive)))

        return handle_limited


def limited(receive: Receive) -> Receive:
    """Return a function that receives a body, and raises HTTPException for one that is too large or too slow."""
    loop = asyncio.get_running_loop()
    end, size = loop.time() + LONGEST_SECONDS, 0

    async def receive_limited() -> Message:
        nonlocal size
        try:
            message = await asyncio.wait_for(receive(), end - loop.time())
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, TOO_SLOW) from None
        size += len(message.get("body", b""))
        if size > LARGEST_FORM:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)
        return message

    return receive_limited
