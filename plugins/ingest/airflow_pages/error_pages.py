"""Every error as a page: what happened, and what to do next.

A page inside the frame cannot send its reader to the login, so it says so.
"""

import logging
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import StarletteHTTPException

from ingest.airflow_pages.page import Page, is_framed, way_to_root
from ingest.errors.types import ConfigurationError, IngestError, Rejection, TransientError, UnknownJob
from ingest.ledger.database import first_line
from ingest.pages.rendering import render
from ingest.pages.site import Site

logger = logging.getLogger(__name__)

TEXTS = {
    HTTPStatus.UNAUTHORIZED: ("Log in again", "You are not logged in to Airflow. Log in, then open this page again."),
    HTTPStatus.FORBIDDEN: ("Not permitted", "Your account may not do this; ask an admin of Airflow."),
    HTTPStatus.NOT_FOUND: ("Not found", "There is no such page."),
}
STATUSES = {
    UnknownJob: HTTPStatus.NOT_FOUND,
    Rejection: HTTPStatus.BAD_REQUEST,
    TransientError: HTTPStatus.SERVICE_UNAVAILABLE,
    ConfigurationError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def show_http_error(request: Request, error: Exception) -> Page:
    """Answer an error of the request."""
    assert isinstance(error, StarletteHTTPException)
    status = HTTPStatus(error.status_code)
    heading, text = TEXTS.get(status, (status.phrase, status.description or status.phrase))
    # Airflow's own texts, such as "Forbidden", say less than ours, which are sentences.
    detail = str(error.detail)
    return _answer(request, status, heading, detail if detail.endswith(".") else text)


def show_invalid_request(request: Request, _error: Exception) -> Page:
    """Answer a request with a field that cannot be read."""
    return _answer(
        request, HTTPStatus.BAD_REQUEST, "Bad request", "A part of the address or of the form cannot be read."
    )


def show_ingest_error(request: Request, error: Exception) -> Page:
    """Answer an error of the service, such as an unavailable database."""
    assert isinstance(error, IngestError)
    status = next((status for kind, status in STATUSES.items() if isinstance(error, kind)), HTTPStatus.CONFLICT)
    return _answer(request, status, status.phrase, error.text)


def show_airflow_database_error(request: Request, error: Exception) -> Page:
    """Answer while Airflow's database, which holds its accounts, is unavailable; the ledger's errors are IngestErrors."""
    logger.warning("the database of Airflow is unavailable: %s", first_line(getattr(error, "orig", error)))
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return _answer(request, status, status.phrase, "Airflow's database is unavailable; try again later.")


def show_unexpected_error(request: Request, _error: Exception) -> Page:
    """Answer after a defect; the api-server logs the traceback."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _answer(request, status, status.phrase, "This is a defect; the log of Airflow's api-server describes it.")


def _answer(request: Request, status: HTTPStatus, heading: str, text: str) -> Page:
    site = Site(root=way_to_root(request), viewer="", is_framed=is_framed(request))
    page = render("message.html", site=site, heading=heading, text=text, is_error=True, back=site.jobs())
    return Page(page, status)
