"""Browsers of the API: clients that accept pages and keep cookies."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ingest.access import token_file
from ingest.settings.loading import Settings

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
UPLOADER, OPERATOR, ADMIN = "ursula", "olga", "adam"
FIELD = re.compile(r'name="csrf_token" value="([^"]+)"')
OpenBrowser = Callable[[str], "Browser"]


class Browser:
    """A browser in which a user has logged in with a token as the password."""

    def __init__(self, client: FlaskClient, user: str, token: str) -> None:
        self.client = client
        self._login = (user, token)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers={**BROWSER, **headers}, auth=self._login)

    def post(self, path: str, fields: Mapping[str, object], **headers: str) -> TestResponse:
        return self.client.post(path, data=fields, headers={**BROWSER, **headers}, auth=self._login)

    def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> TestResponse:
        return self.client.post(path, data=body, headers={**BROWSER, **headers}, auth=self._login)


@pytest.fixture
def token_settings(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings that require tokens."""
    token_file.add(tmp_path / "tokens.json", UPLOADER)
    changes = {
        "authentication": "token",
        "token_file": tmp_path / "tokens.json",
        "operators": (OPERATOR,),
        "admins": (ADMIN,),
    }
    return settings.model_copy(update=changes)


@pytest.fixture
def app(make_app: Callable[..., Flask], token_settings: Settings) -> Flask:
    """Return an application that requires tokens."""
    return make_app(token_settings)


@pytest.fixture
def log_in(app: Flask, tmp_path: Path) -> OpenBrowser:
    """Return a function that logs a user in, in a browser of its own."""

    def log_in(user: str) -> Browser:
        return Browser(app.test_client(), user, token_file.add(tmp_path / "tokens.json", user))

    return log_in


@pytest.fixture
def stranger(app: Flask) -> Iterator[FlaskClient]:
    """Yield a browser without a login."""
    with app.test_client() as client:
        yield client
