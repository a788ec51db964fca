"""Forms that are posted into the pages in Airflow: large and slow ones are refused before their login is checked."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient
from starlette.types import Message

from ingest.pages.csrf import LARGEST_FORM

ADDRESSES = ("/jobs/17/retry", "/jobs/17/cancel", "/jobs/retry", "/jobs/cancel")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TestClient]:
    """Yield a client without a login."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    from ingest.airflow_pages import app  # noqa: PLC0415 - Airflow reads its home when it is imported

    with TestClient(app.create_app(), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("is_multipart", [False, True], ids=["urlencoded", "multipart"])
def test_a_large_form_is_refused(client: TestClient, address: str, is_multipart: bool):
    large = "x" * (LARGEST_FORM + 1)
    answer = client.post(address, files={"file": large}) if is_multipart else client.post(address, data={"job": large})
    assert (answer.status_code, "<h1>" in answer.text) == (413, True)
    assert f"at most {LARGEST_FORM} bytes" in answer.text


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_form_of_ordinary_size_is_read(client: TestClient, address: str):
    form = {"csrf_token": "0" * 64, "job": [str(10**18 + number) for number in range(200)]}
    # Without a login.
    assert client.post(address, data=form).status_code == 401


def test_a_form_that_does_not_arrive_is_refused(monkeypatch: pytest.MonkeyPatch, client: TestClient):
    from ingest.airflow_pages import form_route  # noqa: PLC0415 - Airflow reads its home when it is imported

    monkeypatch.setattr(form_route, "LONGEST_SECONDS", 0.05)

    async def never() -> Message:
        return await asyncio.Future()

    async def receive() -> None:
        await form_route.limited(never)()

    with pytest.raises(HTTPException) as refused:
        asyncio.run(receive())
    assert refused.value.status_code == 408
