"""Another bundle for a failed job at `/ui/`: only admins send one, with the token of a page."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Engine

from ingest.errors.types import ServiceUnavailable
from ingest.ledger import jobs
from ingest.pages.csrf import TOKEN_HEADER, make_token
from ingest.settings.loading import Settings
from tests.api.live_server import NOWHERE
from tests.api.routes.job_lists import make_job
from tests.api.routes.pages.conftest import ADMIN, OPERATOR, UPLOADER, Browser, OpenBrowser
from tests.operations.test_replace_bundle import NoAirflow

COOKIE = "pacifica_ingest_forms"
SECRET = "a-secret-of-this-browser"
REJECTED = {"stage": "open_tar", "code": "bundle_invalid", "text": "cut", "final": True, "attempt": 1}


class UnavailableAirflow(NoAirflow):
    """An Airflow that cannot say whether something keeps a job from running."""

    def read(self, *_: object) -> None:
        """Fail."""
        raise ServiceUnavailable("Airflow", NOWHERE, "connection refused")


@pytest.fixture
def app(make_app: Callable[..., Flask], token_settings: Settings) -> Flask:
    return make_app(token_settings, airflow=UnavailableAirflow())


@pytest.fixture
def rejected(database_engine: Engine) -> int:
    return make_job(database_engine, UPLOADER, outcome="rejected", error=REJECTED)


@pytest.fixture
def admin(log_in: OpenBrowser) -> Browser:
    browser = log_in(ADMIN)
    browser.client.set_cookie(COOKIE, SECRET)
    return browser


def send(browser: Browser, job: int, body: bytes, token: str = make_token(SECRET, ADMIN)) -> tuple[int, str]:
    answer = browser.send(f"/ui/jobs/{job}/bundle", body, {TOKEN_HEADER: token})
    return answer.status_code, answer.text


def test_only_admins_find_the_form(log_in: OpenBrowser, rejected: int):
    for user, is_shown in ((UPLOADER, False), (OPERATOR, False), (ADMIN, True)):
        browser = log_in(user)
        assert ("Run another bundle" in browser.get(f"/ui/jobs/{rejected}").text) == is_shown
        assert browser.get(f"/ui/jobs/{rejected}/bundle").status_code == (200 if is_shown else 403)


def test_body_becomes_the_bundle_of_the_job(admin: Browser, database_engine: Engine, settings: Settings, rejected: int):
    assert send(admin, rejected, b"fixed") == (204, "")
    job = jobs.read(database_engine, rejected)
    assert (job.received.user, job.record.is_unfinished) == (UPLOADER, True)
    assert (settings.volume_path / job.received.spool_name).read_bytes() == b"fixed"
    status, text = send(admin, rejected, b"again")
    assert (status, "only a failed job gets another bundle" in text) == (409, True)


@pytest.mark.parametrize("token", ["", "x" * 64, make_token(SECRET, UPLOADER), make_token("", ADMIN)])
def test_without_the_token_of_a_page_nothing_is_replaced(
    admin: Browser, database_engine: Engine, rejected: int, token: str
):
    before = jobs.read(database_engine, rejected).received
    assert send(admin, rejected, b"fixed", token)[0] == 403
    assert jobs.read(database_engine, rejected).received == before


def test_others_replace_nothing(log_in: OpenBrowser, rejected: int):
    for user in (UPLOADER, OPERATOR):
        browser = log_in(user)
        browser.client.set_cookie(COOKIE, SECRET)
        assert send(browser, rejected, b"fixed", make_token(SECRET, user))[0] == 403


def test_body_without_a_length_is_refused_with_a_page(admin: Browser, rejected: int):
    status, page = send(admin, rejected, b"")
    assert (status, 'class="message error"' in page) == (411, True)
