import logging
from collections.abc import Callable

import pytest
import requests
from flask import Flask

from ingest.ledger import jobs
from tests.api.live_server import Server


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", "404 Not Found", "not_found"),
        ("POST", "/nowhere", "404 Not Found", "not_found"),
        ("GET", "/get_state/1/2", "404 Not Found", "not_found"),
        ("GET", "/get_state//1", "404 Not Found", "not_found"),
        ("GET", "/upload", "405 Method Not Allowed", "method_not_allowed"),
        ("PUT", "/ingest", "405 Method Not Allowed", "method_not_allowed"),
        ("DELETE", "/get_state", "405 Method Not Allowed", "method_not_allowed"),
        ("POST", "/", "405 Method Not Allowed", "method_not_allowed"),
    ],
)
def test_unknown_addresses_and_methods_are_answered_in_json(
    server: Server, method: str, path: str, status: str, code: str
) -> None:
    answer = requests.request(method, server.url + path, timeout=30)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.status_code == int(status[:3])
    assert answer.json().keys() == {"status", "code", "message"}
    assert (answer.json()["status"], answer.json()["code"]) == (status, code)


def test_a_wrong_method_is_answered_with_the_supported_ones(server: Server) -> None:
    answer = requests.get(f"{server.url}/upload", timeout=30)
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_an_internal_error_is_logged_with_its_traceback_and_answered_without(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("the secret reason")

    monkeypatch.setattr(jobs, "read_several", fail)
    with caplog.at_level(logging.ERROR):
        answer = make_app().test_client().get("/get_state?job_id=1")
    assert answer.status_code == 500
    assert answer.get_json()["status"] == "500 Internal Server Error"
    assert answer.get_json()["code"] == "internal_error"
    assert "secret" not in answer.get_data(as_text=True)
    assert "the secret reason" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/docs"),
        ("GET", "/docs/js/swagger-ui-bundle.js"),
        ("GET", "/openapi.json"),
        ("GET", "/get_state/999999999999"),
        ("GET", "/nowhere"),
        ("POST", "/upload"),
        ("PUT", "/upload"),
        ("OPTIONS", "/upload"),
        ("HEAD", "/docs"),
    ],
)
def test_every_answer_forbids_a_browser_to_guess_its_type(server: Server, method: str, path: str) -> None:
    answer = requests.request(method, server.url + path, timeout=30)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
