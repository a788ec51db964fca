"""Drops headers with an underscore in their name. Added to the api-server by `accounts.auth_manager`.

Flask cannot tell `X_Http_Authed_Groups` from `X-Http-Authed-Groups`, which only the proxy may send: a proxy that removes the
latter may pass on the former. The API's server drops such headers, too.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]


class WithoutUnderscores:
    """ASGI middleware."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's
        """Pass on a request without these headers."""
        headers = scope.get("headers", ())
        await self._app({**scope, "headers": [each for each in headers if b"_" not in each[0]]}, receive, send)
