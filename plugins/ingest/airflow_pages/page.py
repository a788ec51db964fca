"""The answer of every endpoint that shows a page."""

from http import HTTPStatus
from typing import Any

from fastapi.responses import HTMLResponse

from ingest.pages.headers import PAGE_HEADERS


class Page(HTMLResponse):
    """A page, with the headers that protect it."""

    def __init__(self, content: str, status_code: int = HTTPStatus.OK, **more: Any) -> None:  # noqa: ANN401
        super().__init__(content, int(status_code), **more)
        self.headers.update(PAGE_HEADERS)
