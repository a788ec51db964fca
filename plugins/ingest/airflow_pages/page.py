"""The answer of every endpoint that shows a page, and where its request was sent to."""

from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from ingest.pages.headers import PAGE_HEADERS
from ingest.pages.site import relative_root


class Page(HTMLResponse):
    """A page, with the headers that protect it."""

    def __init__(self, content: str, status_code: int = HTTPStatus.OK, **more: Any) -> None:  # noqa: ANN401
        super().__init__(content, int(status_code), **more)
        self.headers.update(PAGE_HEADERS)


def way_to_root(request: Request) -> str:
    """Return the way from the address of a request to the root of the pages."""
    return relative_root(request.url.path.removeprefix(request.scope.get("root_path", "")))


def is_framed(request: Request) -> bool:
    """Return whether the page is shown in a frame of Airflow: always, unless a browser opens it by itself."""
    return request.headers.get("Sec-Fetch-Dest") != "document"
