"""Who is calling: the name that the proxy in front of the API has set in a header."""

from contextlib import suppress

from flask import request

from ingest.settings import Settings


def current_user(settings: Settings) -> str:
    """Give the name of the user of the current request; the default one if the header is missing or empty."""
    name = request.headers.get(settings.auth_header, "").strip()
    # WSGI hands every header over as Latin-1, whatever the proxy meant.
    with suppress(UnicodeError):
        name = name.encode("latin-1").decode("utf-8")
    return name or settings.default_user
