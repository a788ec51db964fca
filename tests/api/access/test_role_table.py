"""The roles of every call: each cell of one table, on the real server, for every form of authentication."""

import base64
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import requests
from flask_openapi3 import OpenAPI
from sqlalchemy import Engine

from api.access.declarations import access_of, declared
from api.app import create_app
from ingest.access import token_file
from ingest.ledger.database import transaction
from ingest.ledger.jobs import Received
from ingest.ledger.models import OriginalJob
from ingest.services import make_services
from ingest.settings.loading import Settings
from ingest.states import Kind
from tests.api.access.callers import (
    ADMIN,
    HEADER,
    PROXY_CALLERS,
    TOKEN_CALLERS,
    TRUSTED,
    UPLOADER,
    AccessServer,
    Caller,
    Tokens,
    bearer,
    make_tokens,
    proxy_settings,
    serving,
    token_settings,
)
from tests.received import create_job
from tools.waiting import wait_until

# A status for each caller; `job` is whose job the call is about.
TABLE = """
| method  | rule                  | job        | not proven | not trusted | uploader | operator | admin |
|---------|-----------------------|------------|------------|-------------|----------|----------|-------|
| GET     | /                     |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /                     |            | 200        | 200         | 200      | 200      | 200   |
| GET     | /healthz              |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /healthz              |            | 200        | 200         | 200      | 200      | 200   |
| GET     | /readyz               |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /readyz               |            | 200        | 200         | 200      | 200      | 200   |
| GET     | /docs                 |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /docs                 |            | 200        | 200         | 200      | 200      | 200   |
| GET     | /docs/<path:filename> |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /docs/<path:filename> |            | 200        | 200         | 200      | 200      | 200   |
| GET     | /openapi.json         |            | 200        | 200         | 200      | 200      | 200   |
| OPTIONS | /openapi.json         |            | 200        | 200         | 200      | 200      | 200   |
| POST    | /ingest               |            | 401        | 403         | 200      | 403      | 200   |
| OPTIONS | /ingest               |            | 401        | 403         | 200      | 403      | 200   |
| POST    | /upload               |            | 401        | 403         | 200      | 403      | 200   |
| OPTIONS | /upload               |            | 401        | 403         | 200      | 403      | 200   |
| POST    | /move                 |            | 401        | 403         | 200      | 403      | 200   |
| OPTIONS | /move                 |            | 401        | 403         | 200      | 403      | 200   |
| GET     | /get_state            | own        | 401        | 403         | 200      | 200      | 200   |
| GET     | /get_state            | another's  | 401        | 403         | 404      | 200      | 200   |
| GET     | /get_state            | original's | 401        | 403         | 404      | 200      | 200   |
| GET     | /get_state            | unknown    | 401        | 403         | 404      | 404      | 404   |
| GET     | /get_state            | no integer | 401        | 403         | 400      | 400      | 400   |
| OPTIONS | /get_state            |            | 401        | 403         | 200      | 200      | 200   |
| GET     | /get_state/<job_id>   | own        | 401        | 403         | 200      | 200      | 200   |
| GET     | /get_state/<job_id>   | another's  | 401        | 403         | 404      | 200      | 200   |
| GET     | /get_state/<job_id>   | original's | 401        | 403         | 404      | 200      | 200   |
| GET     | /get_state/<job_id>   | unknown    | 401        | 403         | 404      | 404      | 404   |
| OPTIONS | /get_state/<job_id>   | unknown    | 401        | 403         | 200      | 200      | 200   |
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


@pytest.fixture(scope="module")
def jobs(database_engine: Engine, database_url: str) -> dict[str, str]:
    """A job id for each kind of job in the table."""
    services = make_services(Settings(database_url=database_url), database_engine)
    own, others, originals, unknown = services.uniqueid.allocate("upload_job", 4)
    for job, user in ((own, UPLOADER), (others, "otto")):
        create_job(database_engine, Received(job, Kind.INGEST, user, f"{job}.tar", 1))
    day = datetime(2019, 1, 2, tzinfo=UTC).replace(tzinfo=None)
    row = OriginalJob(
        id=originals, state="OK", task="ingest files", task_percent=Decimal(0), exception="", complete=False,
        created=day, updated=day,
    )  # fmt: skip
    with transaction(database_engine) as session:
        session.add(row)
    return {
        "own": str(own), "another's": str(others), "original's": str(originals), "unknown": str(unknown), "no integer": "x"
    }  # fmt: skip


@pytest.fixture(scope="module")
def token_server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessServer]:
    folder = tmp_path_factory.mktemp("token")
    with serving(folder, database_url, token_settings(folder)) as server:
        yield server


@pytest.fixture(scope="module")
def tokens(token_server: AccessServer) -> Tokens:
    """Static tokens, created while the server runs."""
    return make_tokens(token_server.log.parent / "tokens.json")


@pytest.fixture(scope="module")
def proxy_server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessServer]:
    with serving(tmp_path_factory.mktemp("proxy"), database_url, proxy_settings()) as server:
        yield server


def make(server: AccessServer, caller: Caller, call: Call, jobs: Mapping[str, str]) -> requests.Response:
    job = jobs.get(call.job, "1")
    path = call.rule.replace("<job_id>", job).replace("<path:filename>", "css/swagger-ui.css")
    query = {"job_id": job} if call.job and path == call.rule else {}
    body = b"[{}]" if call.method == "POST" else None
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
        for operation in path.values():
            assert (operation.get("security") == []) == access_of(app, rule.endpoint).is_public, rule


def test_every_column_has_a_caller():
    columns = {column for column, _ in (*TOKEN_CALLERS.values(), *PROXY_CALLERS.values())}
    assert columns == set(COLUMNS)


# Properties that the table cannot express


@pytest.mark.parametrize("path", ["/get_state?job_id={}", "/get_state/{}"])
def test_another_s_job_and_the_original_s_are_answered_to_the_letter_as_one_that_never_was(
    proxy_server: AccessServer, jobs: Mapping[str, str], path: str
):
    _, uploader = PROXY_CALLERS["uploader, proxy"]
    answers = []
    for kind in ("another's", "original's", "unknown"):
        answer = uploader.request(proxy_server, "GET", path.format(jobs[kind]))
        document = answer.json()
        assert document["message"] == f"job ID {jobs[kind]} does not exist."
        # The names only: Content-Length depends on the number.
        named = {name for name, _ in answer.headers.items()}
        answers.append((answer.status_code, document["status"], document["code"], document.keys(), named))
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("name", ["uploader, static token", "uploader, password", "uploader, issuer"])
def test_job_is_recorded_for_the_user_that_the_token_proves(token_server: AccessServer, tokens: Tokens, name: str):
    caller = TOKEN_CALLERS[name][1](tokens)
    named = Caller({**caller.headers, HEADER: ADMIN})
    job = named.request(token_server, "POST", "/upload", data=b"x").json()["job_id"]
    assert token_server.rows()[job]["user"] == UPLOADER
    assert caller.request(token_server, "GET", f"/get_state/{job}").json()["job_id"] == job


@pytest.mark.parametrize("name", ["müller", "日本", "Voilà", "CN=Å"])
def test_job_is_recorded_for_the_user_that_the_proxy_names(proxy_server: AccessServer, name: str):
    caller = Caller({HEADER: name.encode()}, TRUSTED)
    job = caller.request(proxy_server, "POST", "/upload", data=b"x").json()["job_id"]
    assert proxy_server.rows()[job]["user"] == name


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
def test_name_beside_a_token_is_accepted_in_both_charsets_of_clients(token_server: AccessServer, charset: str):
    token = token_file.add(token_server.log.parent / "tokens.json", "Voilà")
    credentials = base64.b64encode(f"Voilà:{token}".encode(charset)).decode()
    answer = Caller({"Authorization": f"Basic {credentials}"}).request(token_server, "POST", "/upload", data=b"x")
    assert token_server.rows()[answer.json()["job_id"]]["user"] == "Voilà"


@pytest.mark.parametrize(
    "header",
    [b"", b"Bearer", b"Bearer ", b"Basic", b"Basic x", b"Basic eA==", b"Basic \xe9", b"Digest x", b"Bearer a, Bearer b",
     b"Negotiate x", b"Bearer ingest_", b"Bearer ingest_00000000_", b"Bearer \xc3\xa9.\xc3\xa9.\xc3\xa9"],
)  # fmt: skip
def test_malformed_authorization_is_401(token_server: AccessServer, header: bytes):
    answer = Caller({"Authorization": header}).request(token_server, "GET", "/get_state/1")
    assert (answer.status_code, answer.json()["code"] in {"not_authenticated", "token_invalid"}) == (401, True)


def test_removed_token_is_refused_and_a_new_one_accepted_without_a_restart(token_server: AccessServer):
    file = token_server.log.parent / "tokens.json"
    token = token_file.add(file, "ute")
    assert bearer(token).request(token_server, "POST", "/upload", data=b"x").status_code == 200
    token_file.remove(file, lambda each: each.user == "ute")
    assert bearer(token).request(token_server, "POST", "/upload", data=b"x").status_code == 401


@pytest.mark.parametrize("size", [b"Content-Length: 1000000000", b"Transfer-Encoding: chunked"])
def test_upload_that_is_refused_is_answered_before_its_body_is_sent(token_server: AccessServer, size: bytes):
    before = token_server.files()
    with token_server.connect() as connection:
        connection.sendall(b"POST /upload HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n" + size + b"\r\n\r\n")
        # A server may send the 100 before it refuses.
        status = connection.makefile("rb").read(len(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 "))
    assert status.endswith(b" 401 ") or status.startswith(b"HTTP/1.1 401 "), status
    assert token_server.files() == before


def send(server: AccessServer, headers: bytes) -> bytes:
    """Send raw headers from the address of the trusted proxy."""
    with socket.create_connection(server.address, timeout=30, source_address=(TRUSTED, 0)) as connection:
        connection.sendall(b"GET /get_state/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + b"\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        (b"X-Http-Authed-User: ursula\r\nX-Http-Authed-User: adam\r\n", b"400", b"was sent twice"),
        (b"X-Http-Authed-User: ursula, adam\r\n", b"400", b"was sent twice"),
        (b"X-Http-Authed-User: ursula\r\nx-http-authed-user: ursula\r\n", b"400", b"was sent twice"),
        (b"X-Http-Authed-User: m\xfcller\r\n", b"400", b"is not UTF-8"),
        (b"X-Http-Authed-User: a\xc2\x85b\r\n", b"400", b"cannot be printed"),
        (b"X-Http-Authed-User: a\xe2\x80\xaeb\r\n", b"400", b"cannot be printed"),
        (b"X-Http-Authed-User: " + b"a" * 256 + b"\r\n", b"400", b"longer than 255"),
        (b"X-Http-Authed-User: a\x00b\r\n", b"400", b""),
        # A server that maps both names to one variable would confuse them.
        (b"X_Http_Authed_User: adam\r\n", b"401", b"has not set"),
        (b"X-Http_Authed-User: adam\r\n", b"401", b"has not set"),
    ],
)
def test_ambiguous_header_is_refused(proxy_server: AccessServer, headers: bytes, status: bytes, said: bytes):
    answer = send(proxy_server, headers)
    assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert said in answer


def test_log_names_who_was_refused_and_why_and_no_token(token_server: AccessServer, tokens: Tokens):
    wrong = bearer(f"{tokens[ADMIN]}x")
    assert wrong.request(token_server, "GET", "/get_state/1").status_code == 401
    wait_until(lambda: "token_invalid" in token_server.said(), 30, token_server.said)
    assert "GET of state.get_state_of from 127.0.0.1 refused: token_invalid" in token_server.said()
    secrets = [token.rpartition("_")[2] for token in tokens.values()]
    assert not [secret for secret in (*secrets, "eyJ", "Basic") if secret in token_server.said()]
