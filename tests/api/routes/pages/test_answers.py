"""What all pages of the API have in common: headers, errors as pages, and the login."""

import re
from collections.abc import Callable
from urllib.parse import urljoin

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ingest.pages.static_files import versioned_name
from ingest.settings.loading import Settings
from tests.api.routes.pages.conftest import ADMIN, BROWSER, OPERATOR, UPLOADER, OpenBrowser

PROGRAM = {"Accept": "*/*"}


def test_pages_forbid_foreign_scripts_frames_and_caches(log_in: OpenBrowser):
    for path in ("/ui/jobs", "/ui/upload", "/ui/nowhere"):
        headers = log_in(UPLOADER).get(path).headers
        policy = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))
        assert (policy["default-src"], policy["frame-ancestors"], policy["form-action"]) == (
            "'none'",
            "'self'",
            "'self'",
        )
        assert "unsafe-inline" not in headers["Content-Security-Policy"]
        assert "'unsafe-eval'" not in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_only_the_upload_form_may_run_webassembly(log_in: OpenBrowser):
    allowed = {
        path: "'wasm-unsafe-eval'" in log_in(UPLOADER).get(path).headers["Content-Security-Policy"]
        for path in ("/ui/jobs", "/ui/upload")
    }
    assert allowed == {"/ui/jobs": False, "/ui/upload": True}


@pytest.mark.parametrize("path", ["/ui", "/ui/", "/ui/jobs", "/ui/upload", "/ui/nowhere"])
def test_browser_without_a_token_prompts_for_one_and_shows_what_to_enter(stranger: FlaskClient, path: str):
    answer = stranger.get(path, headers=BROWSER)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert answer.mimetype == "text/html"
    assert "your token" in answer.text


def test_without_tokens_nothing_prompts_for_one(make_app: Callable[..., Flask], settings: Settings):
    app = make_app(settings.model_copy(update={"authentication": "proxy"}))
    answer = app.test_client().get("/ui/jobs", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (401, "text/html")
    assert not answer.headers["WWW-Authenticate"].startswith("Basic")
    assert "the password" not in answer.text


def test_wrong_password_prompts_again(log_in: OpenBrowser, stranger: FlaskClient):
    log_in(UPLOADER)
    answer = stranger.get("/ui/jobs", headers=BROWSER, auth=(UPLOADER, "guessed"))
    assert (answer.status_code, answer.headers["WWW-Authenticate"].split()[0]) == (401, "Basic")
    assert "guessed" not in answer.text


def test_the_challenge_of_all_other_calls_stays_a_bearer_token(stranger: FlaskClient):
    answer = stranger.get("/jobs", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (401, "application/json")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_error_is_a_page_for_browsers_and_json_for_programs(log_in: OpenBrowser):
    page = log_in(UPLOADER).get("/ui/nowhere")
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "there is no such page" in page.text
    answer = log_in(UPLOADER).get("/ui/nowhere", **PROGRAM)
    assert answer.get_json() == {"status": "404 Not Found", "code": "not_found", "message": "there is no such page"}


def test_error_in_the_form_of_rfc_9457_stays_so(log_in: OpenBrowser):
    answer = log_in(UPLOADER).get("/ui/nowhere", Accept="text/html, application/problem+json")
    assert answer.mimetype == "application/problem+json"


def test_page_that_the_role_does_not_permit_says_so(log_in: OpenBrowser):
    answer = log_in(OPERATOR).get("/ui/upload")
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "does not permit" in answer.text


def test_only_users_who_may_upload_see_the_link(log_in: OpenBrowser):
    shown = {user: 'href="upload"' in log_in(user).get("/ui/jobs").text for user in (UPLOADER, OPERATOR, ADMIN)}
    assert shown == {UPLOADER: True, OPERATOR: False, ADMIN: True}


def test_addresses_are_relative_so_that_a_proxy_may_publish_the_service_below_a_path(log_in: OpenBrowser):
    browser = log_in(UPLOADER)
    assert browser.get("/ui").headers["Location"] == "ui/jobs"
    assert browser.get("/ui/").headers["Location"] == "jobs"
    for path in ("/ui/jobs", "/ui/upload", "/ui/a/b/c"):
        assert 'href="/' not in browser.get(path).text
        assert 'src="/' not in browser.get(path).text


@pytest.mark.parametrize("path", ["/ui", "/ui/", "/ui/jobs", "/ui/a/b/c"])
def test_the_login_page_leads_to_its_style_from_every_address(stranger: FlaskClient, path: str):
    page = stranger.get(path, headers=BROWSER)
    [address] = re.findall(r'rel="stylesheet" href="([^"]+)"', page.text)
    assert stranger.get(urljoin(path, address)).mimetype == "text/css"


def test_static_file_is_kept_for_ever_only_at_the_address_of_its_version(stranger: FlaskClient):
    address = f"/ui/static/{versioned_name('style.css')}"
    assert "immutable" in stranger.get(address).headers["Cache-Control"]
    # An older server answers during a deployment.
    assert stranger.get("/ui/static/style.css?v=1").headers["Cache-Control"] == "no-cache"
    plain = stranger.get("/ui/static/bundle.js")
    assert plain.headers["Cache-Control"] == "no-cache"
    assert stranger.get("/ui/static/bundle.js", headers={"If-None-Match": plain.headers["ETag"]}).status_code == 304
    assert stranger.get("/ui/static/absent.js").status_code == 404


def test_page_without_a_database_says_what_is_unavailable(make_app: Callable[..., Flask], settings: Settings):
    app = make_app(settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/nothing"}))
    answer = app.test_client().get("/ui/jobs", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert "database" in answer.text
    assert "Traceback" not in answer.text


def test_unexpected_error_is_a_page_without_its_text(log_in: OpenBrowser, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.routes.pages.jobs.render_jobs", lambda *_: 1 / 0)
    answer = log_in(UPLOADER).get("/ui/jobs")
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "internal error" in answer.text
    assert "division" not in answer.text
