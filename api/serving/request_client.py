"""The connection of the client that sent a request, from the request's WSGI environment.

Used by the routes and by `api.receiving` and `api.polling`, which set the pace of a body or hold a request.
"""

from collections.abc import Mapping
from typing import Any

from api.serving.client_socket import ClientSocket

# Set by gunicorn only. The other servers cannot distinguish a chunked body that was cut off from a complete one.
GUNICORN_SOCKET = "gunicorn.socket"


def client_of(environ: Mapping[str, Any]) -> ClientSocket | None:
    """Return the connection of a request; None under another WSGI server."""
    client = environ.get(GUNICORN_SOCKET)
    return client if isinstance(client, ClientSocket) else None
