"""The short calls, with each answer that the service, an older one, or a server in between can give."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacifica_ingest_client.errors import (
    OutcomeUnknown,
    PreflightRefused,
    RequestRefused,
    ServiceFailed,
    ServiceUnavailable,
)
from pacifica_ingest_client.service.calls import BINARY, PREFLIGHT, Features, body_of, post, preflight, read_features
from pacifica_ingest_client.service.connection import Access, Connection
from tests.services.scripted_server import Handler, ScriptedServer, hang_up, reply, scripted_server
from tools.stack import free_port

KEY = '"abc-0"'


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def connection(server: ScriptedServer) -> Connection:
    return Connection(server.url, Access())


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "metadata.txt"
    path.write_bytes(b"[{}]" * 100_000)
    return path


def lose_answer(handler: Handler) -> None:
    handler.read_body()
    hang_up(handler)


def test_a_service_with_tus_supports_resuming(server: ScriptedServer, connection: Connection):
    server.then(reply(204, Tus_Version="1.0.0", Tus_Max_Size="1000"))
    assert read_features(connection) == Features(resumable=True, max_size=1000)
    assert (server.received[0].method, server.received[0].path) == ("OPTIONS", "/uploads")


@pytest.mark.parametrize(
    "answer", [reply(404, {}), reply(405, {}), reply(500, {}), reply(200), reply(204, Allow="GET")]
)
def test_other_services_do_not(server: ScriptedServer, connection: Connection, answer: object):
    server.then(answer)  # type: ignore[arg-type]
    assert read_features(connection) == Features(resumable=False)


@pytest.mark.parametrize(("status", "kind"), [(401, RequestRefused), (503, ServiceUnavailable)])
def test_a_service_that_refuses_now_says_nothing_about_features(
    server: ScriptedServer, connection: Connection, status: int, kind: type[Exception]
):
    server.then(reply(status, {"message": "no"}))
    with pytest.raises(kind):
        read_features(connection)


def test_preflight_sends_the_document(server: ScriptedServer, connection: Connection, document: Path):
    server.then(reply(200, {"acceptable": True}))
    assert preflight(connection, PREFLIGHT, document)
    assert server.received[0].body == document.read_bytes()
    assert server.received[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [404, 405])
def test_a_service_without_preflight_is_no_error(
    server: ScriptedServer, connection: Connection, document: Path, status: int
):
    server.then(reply(status, {"message": "no such call"}))
    assert not preflight(connection, PREFLIGHT, document)


def test_faults_of_preflight_are_listed(server: ScriptedServer, connection: Connection, document: Path):
    faults = [
        {"code": "policy_rejected", "text": "no such project"},
        {"code": "size_malformed", "text": "entry 4: size"},
    ]
    server.then(reply(422, {"acceptable": False, "faults": faults, "more_faults": 3}))
    with pytest.raises(PreflightRefused) as raised:
        preflight(connection, PREFLIGHT, document)
    assert raised.value.faults == ("no such project", "entry 4: size", "and 3 more")


def test_a_post_names_the_job_and_sends_the_key(server: ScriptedServer, connection: Connection, document: Path):
    server.then(reply(200, {"job_id": 17, "state": "OK"}))
    assert post(connection, "/upload", BINARY, body_of(document), KEY, is_repeatable=False) == 17
    received = server.received[0]
    assert received.headers["idempotency-key"] == KEY
    assert received.headers["content-length"] == str(document.stat().st_size)
    assert received.body == document.read_bytes()


def test_a_post_whose_answer_is_lost_has_an_unknown_outcome(
    server: ScriptedServer, connection: Connection, document: Path
):
    server.then(lose_answer)
    with pytest.raises(OutcomeUnknown, match="whether there is a new job"):
        post(connection, "/upload", BINARY, body_of(document), KEY, is_repeatable=False)


def test_a_post_that_the_service_recognizes_can_be_repeated(
    server: ScriptedServer, connection: Connection, document: Path
):
    server.then(lose_answer)
    with pytest.raises(ServiceUnavailable):
        post(connection, "/move", BINARY, body_of(document), KEY, is_repeatable=True)


@pytest.mark.parametrize(
    ("code", "kind"), [("too_many_uploads", ServiceUnavailable), ("outcome_unknown", OutcomeUnknown)]
)
def test_an_answered_outage_says_whether_there_may_be_a_job(
    server: ScriptedServer, connection: Connection, document: Path, code: str, kind: type[Exception]
):
    server.then(reply(503, {"code": code, "message": "later"}))
    with pytest.raises(kind):
        post(connection, "/upload", BINARY, body_of(document), KEY, is_repeatable=False)


def test_a_post_that_reached_nobody_can_be_repeated(document: Path):
    connection = Connection(f"http://127.0.0.1:{free_port()}", Access())
    with pytest.raises(ServiceUnavailable):
        post(connection, "/upload", BINARY, body_of(document), KEY, is_repeatable=False)


def test_an_answer_without_a_job_is_an_error(server: ScriptedServer, connection: Connection, document: Path):
    server.then(reply(200, {"message": "Pacifica"}))
    with pytest.raises(ServiceFailed, match="names no job"):
        post(connection, "/upload", BINARY, body_of(document), KEY, is_repeatable=False)
