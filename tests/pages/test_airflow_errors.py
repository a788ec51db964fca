"""Errors of the pages in Airflow: what they say, and with which status."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError, TimeoutError

from ingest.errors.types import (
    BundleNotReplaceable,
    ConfigurationError,
    DatabaseUnavailable,
    IncompleteBody,
    UnknownJob,
)

Answer = Callable[[Exception], tuple[int, str]]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Answer]:
    """Yield a function that returns the status and the page for an error."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    from ingest.airflow_pages import access, app  # noqa: PLC0415 - Airflow reads its home when it is imported

    pages = app.create_app()
    with TestClient(pages, raise_server_exceptions=False) as client:

        def request(error: Exception) -> tuple[int, str]:
            def fail() -> None:
                raise error

            pages.dependency_overrides[access.current_access] = fail
            response = client.get("/jobs")
            return response.status_code, response.text

        yield request


REFUSED = OperationalError("SELECT secret", {}, Exception("connection refused"))


@pytest.mark.parametrize("error", [REFUSED, TimeoutError("QueuePool limit")], ids=["refused", "pool"])
def test_an_unavailable_database_of_airflow_is_no_defect(answer: Answer, error: Exception):
    status, page = answer(error)
    assert status == 503
    assert "Airflow's database" in page.replace("&#39;", "'")
    assert "secret" not in page


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnknownJob(17), 404),
        (DatabaseUnavailable("the database of jobs is not available"), 503),
        (BundleNotReplaceable("job 17 is a move"), 409),
        (IncompleteBody("the connection broke"), 400),
        (ConfigurationError("volume_path: not a folder"), 500),
        (HTTPException(403, {"reason": "a document"}), 403),
        (HTTPException(401, "Token Expired"), 401),
        (ZeroDivisionError("secret"), 500),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_is_a_page_with_its_status(answer: Answer, error: Exception, status: int):
    found, page = answer(error)
    assert (found, "<h1>" in page) == (status, True)
    assert "secret" not in page
