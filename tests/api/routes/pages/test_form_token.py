"""The token of forms: without it, nothing is changed."""

import io
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from ingest.ledger import jobs
from ingest.ledger.jobs import Received
from ingest.pages.csrf import make_token
from ingest.services import make_services
from ingest.settings.loading import Settings
from ingest.states.stages import Kind
from tests.api.routes.pages.conftest import UPLOADER, Browser, OpenBrowser
from tests.job_creation import create_job

COOKIE = "pacifica_ingest_forms"
SECRET = "a-secret-of-this-browser"


@pytest.fixture
def job(database_engine: Engine, settings: Settings) -> int:
    [job] = make_services(settings, database_engine).uniqueid.allocate("upload_job", 1)
    create_job(database_engine, Received(job, Kind.INGEST, UPLOADER, f"{job}.tar", 1))
    return job


@pytest.fixture
def browser(log_in: OpenBrowser) -> Browser:
    browser = log_in(UPLOADER)
    browser.client.set_cookie(COOKIE, SECRET)
    return browser


def is_canceled(engine: Engine, job: int) -> bool:
    return jobs.read(engine, job).record.is_canceled


def test_form_of_the_own_page_cancels_and_leads_back(browser: Browser, database_engine: Engine, job: int):
    answer = browser.post(f"/ui/jobs/{job}/cancel", {"csrf_token": make_token(SECRET, UPLOADER)})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"../{job}")
    assert is_canceled(database_engine, job)


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("", {}),
        ("x" * 64, {}),
        (make_token(SECRET, "another user"), {}),
        (make_token("", UPLOADER), {}),
        (make_token(SECRET, UPLOADER), {"Sec-Fetch-Site": "cross-site"}),
        (make_token(SECRET, UPLOADER), {"Sec-Fetch-Site": "same-site"}),
        (make_token(SECRET, UPLOADER), {"Origin": "https://evil.example"}),
        (make_token(SECRET, UPLOADER), {"Origin": "null"}),
    ],
    ids=str,
)
def test_any_other_form_changes_nothing(
    browser: Browser, database_engine: Engine, job: int, token: str, headers: dict[str, str]
):
    answer = browser.post(f"/ui/jobs/{job}/cancel", {"csrf_token": token}, **headers)
    assert answer.status_code == 403
    assert not is_canceled(database_engine, job)


def test_token_without_the_cookie_changes_nothing(log_in: OpenBrowser, database_engine: Engine, job: int):
    answer = log_in(UPLOADER).post(f"/ui/jobs/{job}/cancel", {"csrf_token": make_token("", UPLOADER)})
    assert (answer.status_code, "reload the page" in answer.text) == (403, True)
    assert not is_canceled(database_engine, job)


@pytest.mark.parametrize("field", ["x" * 100_000, (io.BytesIO(b"x" * 100_000), "file.bin")], ids=["text", "file"])
def test_large_form_is_refused(browser: Browser, database_engine: Engine, job: int, field: object):
    answer = browser.post(f"/ui/jobs/{job}/cancel", {"csrf_token": make_token(SECRET, UPLOADER), "more": field})
    assert (answer.status_code, answer.mimetype) == (413, "text/html")
    assert not is_canceled(database_engine, job)


def test_cookie_is_hidden_from_scripts_and_stays_the_same(log_in: OpenBrowser):
    browser = log_in(UPLOADER)
    cookie = browser.get("/ui/jobs").headers["Set-Cookie"]
    assert re.fullmatch(rf"{COOKIE}=[\w-]{{32}}; HttpOnly; Path=/; SameSite=Lax", cookie)
    assert "Set-Cookie" not in browser.get("/ui/jobs").headers


def test_page_for_a_stranger_sets_no_cookie(stranger: FlaskClient):
    assert "Set-Cookie" not in stranger.get("/ui/jobs", headers={"Accept": "text/html"}).headers


def test_form_behind_a_proxy_whose_name_is_allowed_is_accepted(
    make_app: Callable[..., Flask], settings: Settings, database_engine: Engine, job: int
):
    app = make_app(settings.model_copy(update={"allowed_hosts": ("ingest.example.org",), "default_user": UPLOADER}))
    client = app.test_client()
    client.set_cookie(COOKIE, SECRET)
    # The proxy has replaced Host; the browser connects without TLS, so it does not send Sec-Fetch-Site.
    headers = {"Origin": "http://ingest.example.org", "Host": "localhost:8066"}
    form = {"csrf_token": make_token(SECRET, UPLOADER)}
    assert client.post(f"/ui/jobs/{job}/cancel", data=form, headers=headers).status_code == 303
    assert is_canceled(database_engine, job)
