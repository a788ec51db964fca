"""The headers of every answer. Registered by `api.app`; `api.serving.protocol_errors` adds them to its own answers."""

from flask import Flask, Response

# A browser must not guess another type than the declared one, and run an answer as a script.
ALWAYS = {"X-Content-Type-Options": "nosniff"}


def register(app: Flask) -> None:
    """Add the headers to every answer of the application."""
    app.after_request(add_headers)


def add_headers(response: Response) -> Response:
    """Add the headers to an answer; called by Flask."""
    response.headers.update(ALWAYS)
    return response
