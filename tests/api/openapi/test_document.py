"""The OpenAPI document is complete, and the page that shows it loads nothing from other servers."""

import io
import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import requests

from api.access.access_errors import HostInvalid, HostNotAllowed
from api.app import create_app
from api.error_handlers import STATUSES
from api.openapi.document import DESCRIPTION
from api.openapi.request_bodies import EXAMPLE
from api.request_errors import (
    AddressTooLong,
    HeadersTooLarge,
    MethodNotAllowed,
    NotFound,
    RequestError,
    TusStatus,
    UnsupportedExpectation,
)
from ingest.bundles.bundle_metadata import MetadataReader
from ingest.settings.loading import Settings
from ingest.states.stages import Kind
from tests.api.live_server import Server

Document = dict[str, Any]
# Errors that occur before a route is found are in the description of the whole API.
OF_ANY_ADDRESS = {
    HostInvalid,
    HostNotAllowed,
    NotFound,
    MethodNotAllowed,
    RequestError,
    AddressTooLong,
    HeadersTooLarge,
    UnsupportedExpectation,
}


def kinds_of(kind: type[RequestError]) -> set[type[RequestError]]:
    """Return a type of errors and all types below it. `api.app` imports all modules that define one."""
    return {kind}.union(*map(kinds_of, kind.__subclasses__()))


OF_ROUTES = sorted(kinds_of(RequestError) - OF_ANY_ADDRESS, key=lambda kind: kind.code)


def document_of(settings: Settings) -> Document:
    answer = create_app(settings).test_client().get("/openapi.json")
    assert answer.content_type == "application/json"
    return dict(answer.get_json())


@pytest.fixture(scope="module")
def document() -> Document:
    return document_of(Settings())


def operations(document: Document) -> dict[str, Document]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def examples(document: Document) -> list[Document]:
    """Return the examples of error answers, each with its status in the document."""
    answers = [
        (status, answer["content"]["application/json"])
        for operation in operations(document).values()
        for status, answer in operation["responses"].items()
        if status >= "400"
    ]
    return [
        {"document_status": status, **example["value"]}
        for status, content in answers
        for example in content.get("examples", {"the only one": {"value": content.get("example")}}).values()
    ]


def test_every_route_is_in_the_document(document: Document) -> None:
    rules = create_app(Settings()).url_map.iter_rules()
    routes = {
        f"{method} {rule.rule.replace('<', '{').replace('>', '}')}"
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(("/docs", "/openapi.json", "/ui"))
    }
    assert routes == operations(document).keys()


@pytest.mark.parametrize("kind", OF_ROUTES, ids=lambda kind: str(kind.code))
def test_every_error_of_requests_is_in_the_document(document: Document, kind: type[RequestError]) -> None:
    found = [example for example in examples(document) if example["code"] == kind.code]
    assert found, f"name {kind.__name__} in api.routes.call_errors.py"
    assert {example["document_status"] for example in found} == {str(kind.status.value)}


def test_errors_of_every_address_are_described() -> None:
    assert all(f"{kind.status.value} (`{kind.code}`)" in " ".join(DESCRIPTION.split()) for kind in OF_ANY_ADDRESS)


def test_every_status_of_an_error_of_the_domain_is_in_the_document(document: Document) -> None:
    shown = {example["document_status"] for example in examples(document)}
    assert {str(status.value) for _, status in STATUSES} | {"500"} <= shown


def test_examples_of_errors_look_like_errors(document: Document) -> None:
    for example in examples(document):
        number = int(example["document_status"])
        status = TusStatus(number) if number in set(TusStatus) else HTTPStatus(number)
        assert example["status"] == f"{status.value} {status.phrase}"
        assert set(document["components"]["schemas"]["Error"]["required"]) <= set(example)


def test_every_operation_has_a_description_and_an_example(document: Document) -> None:
    for name, operation in operations(document).items():
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        successes = [answer for status, answer in operation["responses"].items() if status < "300"]
        assert len(successes) == 1, name
        assert all(content["example"] for content in successes[0].get("content", {}).values()), name


def test_waiting_for_a_job_is_in_the_document(document: Document) -> None:
    operation = document["paths"]["/jobs/{job_id}"]["get"]
    assert {"If-None-Match", "Prefer"} <= {each["name"] for each in operation["parameters"] if each["in"] == "header"}
    for status in ("200", "304"):
        assert operation["responses"][status]["headers"].keys() == {"ETag", "Preference-Applied"}


@pytest.mark.parametrize("path", ["/jobs", "/jobs/{job_id}/files", "/jobs/{job_id}/events"])
def test_next_page_is_in_the_document(document: Document, path: str) -> None:
    assert document["paths"][path]["get"]["responses"]["200"]["headers"].keys() == {"Link"}


def test_the_example_of_a_move_document_is_valid() -> None:
    reader = MetadataReader(io.BytesIO(json.dumps(EXAMPLE).encode()), Kind.MOVE, job_id=1)
    assert [file.path for file in reader.files()] == ["mywork/results.csv"]
    assert not reader.faults


def test_document_has_no_answer_that_is_never_returned(document: Document) -> None:
    answering = {name for name, operation in operations(document).items() if "422" in operation["responses"]}
    receiving = {
        "POST /ingest",
        "POST /move",
        "POST /upload",
        "POST /uploads",
        "PATCH /uploads/{token}",
        "POST /uploads/{token}",
    }
    assert answering == {*receiving, "POST /preflight", "POST /preflight/move"}


@pytest.mark.parametrize(("authentication", "schemes"), [("token", ["bearer", "basic"]), ("proxy", ["proxy"])])
def test_document_requires_the_authentication_of_the_settings(authentication: str, schemes: list[str]) -> None:
    document = document_of(Settings(authentication=authentication, token_file=Path("/nowhere")))
    assert document["security"] == [{scheme: []} for scheme in schemes]
    assert set(schemes) <= document["components"]["securitySchemes"].keys()
    public = {name for name, operation in operations(document).items() if operation.get("security") == []}
    assert public == {name for name, operation in operations(document).items() if operation["tags"] == ["Service"]}


@pytest.mark.parametrize("authentication", ["none", "open"])
def test_document_requires_no_credentials_without_authentication(authentication: str) -> None:
    assert "security" not in document_of(Settings(authentication=authentication))


def test_the_page_and_all_that_it_loads_come_from_this_server(server: Server) -> None:
    page = requests.get(f"{server.url}/docs", timeout=30)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert "docs/js/swagger-ui-bundle.js" in links
    for link in links:
        assert requests.get(f"{server.url}/{link}", timeout=30).status_code == 200, link


def test_a_file_outside_the_page_is_not_found(server: Server) -> None:
    for path in ("/docs/nothing.js", "/docs/", "/docs/%2e%2e/__init__.py"):
        assert requests.get(server.url + path, timeout=30).status_code == 404, path
