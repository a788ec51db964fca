"""The address of the next page of a list. Used by `api.routes.jobs` and `api.routes.job_contents`."""

from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, request


def answer_page(name: str, entries: list[dict[str, Any]], cursor: object | None) -> Response:
    """Answer a page of entries; `cursor` is that of the next page, None after the last page."""
    address = None
    if cursor is not None:
        address = f"{request.path}?{urlencode({**request.args, 'cursor': str(cursor)})}"
    response = jsonify({name: entries, "next": address})
    if address is not None:
        response.headers["Link"] = f'<{address}>; rel="next"'
    response.headers["Cache-Control"] = "no-store"
    return response
