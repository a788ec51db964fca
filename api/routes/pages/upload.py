"""The upload form. Its script sends the bundle to `/uploads`, as any client of tus does."""

from datetime import timedelta

from flask import Response

from api.access.roles import UPLOADERS
from api.resources import get_resources
from api.routes.pages.answers import answer_page, routes
from ingest.pages.headers import PAGE_HEADERS

# The script hashes files in WebAssembly.
POLICY = PAGE_HEADERS["Content-Security-Policy"].replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")


@routes.undocumented("/upload", UPLOADERS)
def show_upload_form() -> Response:
    """Answer the upload form."""
    settings = get_resources().settings
    kept = timedelta(hours=settings.keep_partial_hours)
    return answer_page("upload.html", {"Content-Security-Policy": POLICY}, largest=settings.largest_bundle, kept=kept)
