"""The roles of every call: each cell of one table, on the real server, for every form of authentication."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
import requests
from flask_openapi3 import OpenAPI

from api.access.declarations import access_of, declared
from api.app import create_app
from ingest.settings.loading import Settings
from tests.api.access.callers import (
    PROXY_CALLERS,
    TOKEN_CALLERS,
    AccessServer,
    Caller,
    Tokens,
)
from tools.bundles import transaction
from tools.waiting import wait_until

# A status for each caller; `job` is whose job the call is about.
TABLE = """
| method  | rule                         | job        | not proven | not trusted | uploader | operator | admin |
|---------|------------------------------|------------|------------|-------------|----------|----------|-------|
| GET     | /                            |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /                            |            | 200        | 200         | 200      | 200      | 200   |
| GET     | /healthz                     |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /healthz                     |            | 200        | 200         | 200      | 200      | 200   |
| GET     | /readyz                      |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /readyz                      |            | 200        | 200         | 200      | 200      | 200   |
| GET     | /metrics                     |            | 401        | 403         | 403      | 200      | 200   |
| OPTIONS | /metrics                     |            | 401        | 403         | 403      | 200      | 200   |
| GET     | /docs                        |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /docs                        |            | 200        | 200         | 200      | 200      | 200   |
| GET     | /docs/<path:filename>        |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /docs/<path:filename>        |            | 200        | 200         | 200      | 200      | 200   |
| GET     | /openapi.json                |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /openapi.json                |            | 200        | 200         | 200      | 200      | 200   |
| GET     | /errors/<code>               |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /errors/<code>               |            | 200        | 200         | 200      | 200      | 200   |
| POST    | /ingest                      |            | 401        | 403         | 200      | 403      | 200   |
| OPTIONS | /ingest                      |            | 401        | 403         | 200      | 403      | 200   |
| POST    | /upload                      |            | 401        | 403         | 200      | 403      | 200   |
| OPTIONS | /upload                      |            | 401        | 403         | 200      | 403      | 200   |
| POST    | /move                        |            | 401        | 403         | 200      | 403      | 200   |
| OPTIONS | /move                        |            | 401        | 403         | 200      | 403      | 200   |
| OPTIONS | /uploads                     |            | 401        | 403         | 204      | 403      | 204   |
| POST    | /uploads                     |            | 401        | 403         | 412      | 403      | 412   |
| GET     | /uploads/<token>             | another's  | 401        | 403         | 404      | 403      | 404   |
| PATCH   | /uploads/<token>             |            | 401        | 403         | 415      | 403      | 415   |
| DELETE  | /uploads/<token>             |            | 401        | 403         | 404      | 403      | 404   |
| POST    | /uploads/<token>             |            | 401        | 403         | 405      | 403      | 405   |
| OPTIONS | /uploads/<token>             |            | 401        | 403         | 204      | 403      | 204   |
| POST    | /preflight                   |            | 401        | 403         | 200      | 403      | 200   |
| OPTIONS | /preflight                   |            | 401        | 403         | 200      | 403      | 200   |
| POST    | /preflight/move              |            | 401        | 403         | 200      | 403      | 200   |
| OPTIONS | /preflight/move              |            | 401        | 403         | 200      | 403      | 200   |
| GET     | /get_state                   | own        | 401        | 403         | 200      | 200      | 200   |
| GET     | /get_state                   | another's  | 401        | 403         | 404      | 200      | 200   |
| GET     | /get_state                   | original's | 401        | 403         | 404      | 200      | 200   |
| GET     | /get_state                   | unknown    | 401        | 403         | 404      | 404      | 404   |
| GET     | /get_state                   | no integer | 401        | 403         | 400      | 400      | 400   |
| OPTIONS | /get_state                   |            | 401        | 403         | 200      | 200      | 200   |
| GET     | /get_state/<job_id>          | own        | 401        | 403         | 200      | 200      | 200   |
| GET     | /get_state/<job_id>          | another's  | 401        | 403         | 404      | 200      | 200   |
| GET     | /get_state/<job_id>          | original's | 401        | 403         | 404      | 200      | 200   |
| GET     | /get_state/<job_id>          | unknown    | 401        | 403         | 404      | 404      | 404   |
| OPTIONS | /get_state/<job_id>          | unknown    | 401        | 403         | 200      | 200      | 200   |
| GET     | /jobs                        |            | 401        | 403         | 200      | 200      | 200   |
| OPTIONS | /jobs                        |            | 401        | 403         | 200      | 200      | 200   |
| GET     | /jobs/<job_id>               | own        | 401        | 403         | 200      | 200      | 200   |
| GET     | /jobs/<job_id>               | another's  | 401        | 403         | 404      | 200      | 200   |
| GET     | /jobs/<job_id>               | original's | 401        | 403         | 404      | 200      | 200   |
| GET     | /jobs/<job_id>               | unknown    | 401        | 403         | 404      | 404      | 404   |
| GET     | /jobs/<job_id>               | no integer | 401        | 403         | 400      | 400      | 400   |
| OPTIONS | /jobs/<job_id>               |            | 401        | 403         | 200      | 200      | 200   |
| GET     | /jobs/<job_id>/files         | own        | 401        | 403         | 200      | 200      | 200   |
| GET     | /jobs/<job_id>/files         | another's  | 401        | 403         | 404      | 200      | 200   |
| GET     | /jobs/<job_id>/files         | original's | 401        | 403         | 404      | 200      | 200   |
| GET     | /jobs/<job_id>/files         | unknown    | 401        | 403         | 404      | 404      | 404   |
| GET     | /jobs/<job_id>/files         | no integer | 401        | 403         | 400      | 400      | 400   |
| OPTIONS | /jobs/<job_id>/files         |            | 401        | 403         | 200      | 200      | 200   |
| GET     | /jobs/<job_id>/events        | own        | 401        | 403         | 200      | 200      | 200   |
| GET     | /jobs/<job_id>/events        | another's  | 401        | 403         | 404      | 200      | 200   |
| GET     | /jobs/<job_id>/events        | original's | 401        | 403         | 404      | 200      | 200   |
| GET     | /jobs/<job_id>/events        | unknown    | 401        | 403         | 404      | 404      | 404   |
| GET     | /jobs/<job_id>/events        | no integer | 401        | 403         | 400      | 400      | 400   |
| OPTIONS | /jobs/<job_id>/events        |            | 401        | 403         | 200      | 200      | 200   |
| GET     | /jobs/<job_id>/receipt       | own        | 401        | 403         | 409      | 409      | 409   |
| GET     | /jobs/<job_id>/receipt       | another's  | 401        | 403         | 404      | 409      | 409   |
| GET     | /jobs/<job_id>/receipt       | original's | 401        | 403         | 404      | 409      | 409   |
| GET     | /jobs/<job_id>/receipt       | unknown    | 401        | 403         | 404      | 404      | 404   |
| OPTIONS | /jobs/<job_id>/receipt       | unknown    | 401        | 403         | 200      | 200      | 200   |
| GET     | /jobs/<job_id>/receipt/files | own        | 401        | 403         | 409      | 409      | 409   |
| GET     | /jobs/<job_id>/receipt/files | another's  | 401        | 403         | 404      | 409      | 409   |
| GET     | /jobs/<job_id>/receipt/files | original's | 401        | 403         | 404      | 409      | 409   |
| GET     | /jobs/<job_id>/receipt/files | unknown    | 401        | 403         | 404      | 404      | 404   |
| OPTIONS | /jobs/<job_id>/receipt/files | unknown    | 401        | 403         | 200      | 200      | 200   |
| GET     | /.well-known/jwks.json       |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /.well-known/jwks.json       |            | 200        | 200         | 200      | 200      | 200   |
| POST    | /jobs/<job_id>/cancel        | own        | 401        | 403         | 200      | 403      | 200   |
| POST    | /jobs/<job_id>/cancel        | another's  | 401        | 403         | 404      | 403      | 200   |
| POST    | /jobs/<job_id>/cancel        | original's | 401        | 403         | 404      | 403      | 404   |
| POST    | /jobs/<job_id>/cancel        | unknown    | 401        | 403         | 404      | 403      | 404   |
| POST    | /jobs/<job_id>/cancel        | no integer | 401        | 403         | 400      | 403      | 400   |
| OPTIONS | /jobs/<job_id>/cancel        | unknown    | 401        | 403         | 200      | 403      | 200   |
| POST    | /jobs/<job_id>/retry         | own        | 401        | 403         | 403      | 403      | 409   |
| POST    | /jobs/<job_id>/retry         | another's  | 401        | 403         | 403      | 403      | 409   |
| POST    | /jobs/<job_id>/retry         | original's | 401        | 403         | 403      | 403      | 404   |
| POST    | /jobs/<job_id>/retry         | unknown    | 401        | 403         | 403      | 403      | 404   |
| OPTIONS | /jobs/<job_id>/retry         | unknown    | 401        | 403         | 403      | 403      | 200   |
| GET     | /ui                          |            |        401 |         403 |      200 |      200 |   200 |
| OPTIONS | /ui                          |            |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/                         |            |        401 |         403 |      200 |      200 |   200 |
| OPTIONS | /ui/                         |            |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs                     |            |        401 |         403 |      200 |      200 |   200 |
| OPTIONS | /ui/jobs                     |            |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs.csv                 |            |        401 |         403 |      200 |      200 |   200 |
| OPTIONS | /ui/jobs.csv                 |            |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs/<job_id>            | own        |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs/<job_id>            | another's  |        401 |         403 |      404 |      200 |   200 |
| GET     | /ui/jobs/<job_id>            | original's |        401 |         403 |      404 |      200 |   200 |
| GET     | /ui/jobs/<job_id>            | unknown    |        401 |         403 |      404 |      404 |   404 |
| GET     | /ui/jobs/<job_id>            | no integer |        401 |         403 |      400 |      400 |   400 |
| OPTIONS | /ui/jobs/<job_id>            |            |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/files      | own        |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/files      | another's  |        401 |         403 |      404 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/files      | original's |        401 |         403 |      404 |      404 |   404 |
| GET     | /ui/jobs/<job_id>/files      | unknown    |        401 |         403 |      404 |      404 |   404 |
| GET     | /ui/jobs/<job_id>/files      | no integer |        401 |         403 |      400 |      400 |   400 |
| OPTIONS | /ui/jobs/<job_id>/files      |            |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/files.csv  | own        |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/files.csv  | another's  |        401 |         403 |      404 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/files.csv  | original's |        401 |         403 |      404 |      404 |   404 |
| GET     | /ui/jobs/<job_id>/files.csv  | unknown    |        401 |         403 |      404 |      404 |   404 |
| GET     | /ui/jobs/<job_id>/files.csv  | no integer |        401 |         403 |      400 |      400 |   400 |
| OPTIONS | /ui/jobs/<job_id>/files.csv  |            |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/events     | own        |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/events     | another's  |        401 |         403 |      404 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/events     | original's |        401 |         403 |      404 |      404 |   404 |
| GET     | /ui/jobs/<job_id>/events     | unknown    |        401 |         403 |      404 |      404 |   404 |
| GET     | /ui/jobs/<job_id>/events     | no integer |        401 |         403 |      400 |      400 |   400 |
| OPTIONS | /ui/jobs/<job_id>/events     |            |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/metadata   | own        |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/metadata   | another's  |        401 |         403 |      404 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/metadata   | original's |        401 |         403 |      404 |      404 |   404 |
| GET     | /ui/jobs/<job_id>/metadata   | unknown    |        401 |         403 |      404 |      404 |   404 |
| GET     | /ui/jobs/<job_id>/metadata   | no integer |        401 |         403 |      400 |      400 |   400 |
| OPTIONS | /ui/jobs/<job_id>/metadata   |            |        401 |         403 |      200 |      200 |   200 |
| GET     | /ui/jobs/<job_id>/receipt    | own        | 401        | 403         | 409      | 409      | 409   |
| GET     | /ui/jobs/<job_id>/receipt    | another's  | 401        | 403         | 404      | 409      | 409   |
| GET     | /ui/jobs/<job_id>/receipt    | original's | 401        | 403         | 404      | 409      | 409   |
| GET     | /ui/jobs/<job_id>/receipt    | unknown    | 401        | 403         | 404      | 404      | 404   |
| OPTIONS | /ui/jobs/<job_id>/receipt    | unknown    | 401        | 403         | 200      | 200      | 200   |
| GET     | /ui/jobs/<job_id>/cancel     | own        |        401 |         403 |      200 |      403 |   200 |
| GET     | /ui/jobs/<job_id>/cancel     | another's  |        401 |         403 |      404 |      403 |   200 |
| POST    | /ui/jobs/<job_id>/cancel     | own        |        401 |         403 |      403 |      403 |   403 |
| OPTIONS | /ui/jobs/<job_id>/cancel     |            |        401 |         403 |      200 |      403 |   200 |
| GET     | /ui/jobs/<job_id>/retry      | another's  |        401 |         403 |      403 |      403 |   200 |
| POST    | /ui/jobs/<job_id>/retry      | own        |        401 |         403 |      403 |      403 |   403 |
| OPTIONS | /ui/jobs/<job_id>/retry      |            |        401 |         403 |      403 |      403 |   200 |
| GET     | /ui/jobs/<job_id>/bundle     | another's  |        401 |         403 |      403 |      403 |   409 |
| POST    | /ui/jobs/<job_id>/bundle     | own        |        401 |         403 |      403 |      403 |   403 |
| OPTIONS | /ui/jobs/<job_id>/bundle     |            |        401 |         403 |      403 |      403 |   200 |
| GET     | /ui/jobs/confirm             |            |        401 |         403 |      404 |      403 |   404 |
| OPTIONS | /ui/jobs/confirm             |            |        401 |         403 |      200 |      403 |   200 |
| POST    | /ui/jobs/cancel              |            |        401 |         403 |      403 |      403 |   403 |
| OPTIONS | /ui/jobs/cancel              |            |        401 |         403 |      200 |      403 |   200 |
| POST    | /ui/jobs/retry               |            |        401 |         403 |      403 |      403 |   403 |
| OPTIONS | /ui/jobs/retry               |            |        401 |         403 |      403 |      403 |   200 |
| GET     | /ui/upload                   |            |        401 |         403 |      200 |      403 |   200 |
| OPTIONS | /ui/upload                   |            |        401 |         403 |      200 |      403 |   200 |
| GET     | /ui/static/<name>            |            |        200 |         200 |      200 |      200 |   200 |
| OPTIONS | /ui/static/<name>            |            |        200 |         200 |      200 |      200 |   200 |
| GET     | /ui/<path:rest>              |            |        401 |         403 |      404 |      404 |   404 |
| OPTIONS | /ui/<path:rest>              |            |        401 |         403 |      200 |      200 |   200 |
"""
# Absent addresses and methods are answered to everyone: all addresses are documented.
ABSENT = [("GET", "/nowhere", 404), ("GET", "/upload", 405), ("DELETE", "/get_state", 405)]

HEAD, _, *LINES = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.strip().splitlines()]
COLUMNS = HEAD[3:]
# HEAD is answered like GET; one row for each rule is enough.
ROWS = [*LINES, *(["HEAD", *line[1:]] for line in LINES if line[0] == "GET" and line[2] in ("", "another's"))]


@dataclass(frozen=True)
class Call:
    """One cell: a request, and the expected status."""

    caller: str
    method: str
    rule: str
    job: str
    status: int

    def __str__(self) -> str:
        return f"{self.caller}: {self.method} {self.rule} {self.job}".rstrip()


def calls_of(caller: str, column: str) -> list[Call]:
    """Return the calls that a caller makes: every row of the table, with the status in the caller's column."""
    cells = [
        Call(caller, method, rule, job, int(statuses[COLUMNS.index(column)])) for method, rule, job, *statuses in ROWS
    ]
    return cells + [Call(caller, method, rule, "", status) for method, rule, status in ABSENT]


def make(server: AccessServer, caller: Caller, call: Call, jobs: Mapping[str, str]) -> requests.Response:
    job = jobs.get(call.job, "1")
    path = (
        call.rule.replace("<job_id>", job)
        .replace("<token>", "unknown")
        .replace("<code>", "spool_full")
        .replace("<path:filename>", "css/swagger-ui.css")
        .replace("<name>", "style.css")
        .replace("<path:rest>", "nowhere")
    )
    query = {"job_id": job} if call.rule == "/get_state" and call.job else {}
    body = json.dumps(transaction()) if call.method == "POST" else None
    if call.rule == "/readyz":
        # The table is not about readiness, and the first check may be late on a busy machine.
        wait_until(lambda: caller.request(server, "GET", path).ok, 30, lambda: "it is not ready")
    return caller.request(server, call.method, path, params=query, data=body)


def differences(answer: requests.Response, call: Call) -> Iterator[str]:
    """Yield each way in which an answer differs from the table and from the form of all answers."""
    if answer.status_code != call.status:
        yield f"{call}: {answer.status_code} instead of {call.status}: {answer.text}"
        return
    if call.method != "HEAD" and call.status >= 400 and answer.json().keys() != {"status", "code", "message"}:
        yield f"{call}: an error with other keys: {answer.text}"
    if ("WWW-Authenticate" in answer.headers) != (call.status == 401):
        yield f"{call}: WWW-Authenticate belongs to 401 only: {answer.headers}"


def check_calls(server: AccessServer, caller: Caller, calls: list[Call], jobs: Mapping[str, str]) -> None:
    """Make all calls of a caller, and report all differences together."""
    found = [text for call in calls for text in differences(make(server, caller, call, jobs), call)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", TOKEN_CALLERS)
def test_every_call_with_tokens(token_server: AccessServer, tokens: Tokens, jobs: Mapping[str, str], name: str):
    column, make_caller = TOKEN_CALLERS[name]
    check_calls(token_server, make_caller(tokens), calls_of(name, column), jobs)


@pytest.mark.parametrize("name", PROXY_CALLERS)
def test_every_call_behind_a_proxy(proxy_server: AccessServer, jobs: Mapping[str, str], name: str):
    column, caller = PROXY_CALLERS[name]
    check_calls(proxy_server, caller, calls_of(name, column), jobs)


def test_every_route_and_method_is_in_the_table():
    rules = create_app(Settings()).url_map.iter_rules()
    routes = {(method, rule.rule) for rule in rules for method in rule.methods or ()}
    assert routes == {tuple(row[:2]) for row in ROWS}, "add a line to TABLE for each method"


def test_every_route_declares_its_access():
    app = create_app(Settings())
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == declared(app).keys()


def test_access_is_either_public_or_limited_to_roles():
    accesses = declared(create_app(Settings())).values()
    assert all(access.is_public != bool(access.roles) for access in accesses)


def test_route_without_a_declaration_is_refused():
    app = create_app(Settings())
    app.add_url_rule("/undeclared", "undeclared", lambda: "secret", methods=["GET", "POST"])
    for method in ("GET", "POST"):
        # Without authentication every caller is an admin.
        answer = app.test_client().open("/undeclared", method=method)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "not_allowed")


def test_document_requires_authentication_where_the_service_does():
    app = create_app(Settings(authentication="proxy"))
    assert isinstance(app, OpenAPI)
    for rule in app.url_map.iter_rules():
        path = app.api_doc["paths"].get(rule.rule.replace("<", "{").replace(">", "}"), {})
        for operation in (path[method] for method in path.keys() & {each.lower() for each in rule.methods or ()}):
            assert (operation.get("security") == []) == access_of(app, rule.endpoint).is_public, rule


def test_every_column_has_a_caller():
    columns = {column for column, _ in (*TOKEN_CALLERS.values(), *PROXY_CALLERS.values())}
    assert columns == set(COLUMNS)
