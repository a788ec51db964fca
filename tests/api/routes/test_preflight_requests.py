"""Requests of preflight that are refused, outages, which are no verdict, and the settings that count."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.receiving.upload_slots import UploadSlots
from api.resources import resources_of
from api.routes import preflight
from ingest.ledger.connection_options import database_url as parsed
from ingest.local.layout import Layout
from ingest.settings.loading import Settings, load_settings
from tests.api.clients import refusal
from tests.api.live_server import NOWHERE, Server, environment_of
from tests.api.routes.preflights import FILE, HEAD, SOURCE, check, unchanged
from tools.bundles import CONTENTS, Entry, metadata_of, transaction

Connect = Callable[..., FlaskClient]
GOOD = metadata_of(CONTENTS)
MIB = 1024**2
# The address of the test client.
PROXY = {"INGEST_AUTHENTICATION": "proxy", "INGEST_TRUSTED_PROXIES": "127.0.0.1"}


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def connect(make_app: Callable[..., Flask], database_url: str, spool: Path) -> Connect:
    """Return a function that makes the application with further settings, and returns a client of it."""

    def make(url: str = database_url, **settings: str) -> FlaskClient:
        return make_app(load_settings({**environment_of(spool, url), **settings})).test_client()

    return make


def post(client: FlaskClient, entries: list[Entry], path: str = "/preflight", user: str = "ada") -> tuple[int, Any]:
    """Return the status and the code of an answer; None for a document that is acceptable."""
    answer = client.post(path, json=entries, headers={"X-Http-Authed-User": user})
    return answer.status_code, answer.get_json().get("code")


@pytest.mark.parametrize("path", ["/preflight", "/preflight/move"])
def test_document_must_be_json(server: Server, path: str) -> None:
    for content_type in ("application/octet-stream", "multipart/form-data"):
        answer = check(server, metadata_of(CONTENTS), path, **{"Content-Type": content_type})
        assert (answer.status_code, answer.json()["code"]) == (415, "content_type_unsupported")


def test_document_that_is_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 1073741825\r\n\r\n")
        assert refusal(connection) == "413 document_too_large"


def test_unavailable_policy_is_an_outage_and_no_verdict(connect: Connect, database_url: str, spool: Path) -> None:
    client = connect(POLICY_INGEST_URL=f"{NOWHERE}/ingest")
    with unchanged(database_url, spool):
        assert post(client, GOOD) == (503, "service_unavailable")
        # Faults are found without policy.
        assert post(client, [*transaction(), FILE, FILE]) == (422, "metadata_invalid")


def test_uniqueid_is_not_needed(connect: Connect) -> None:
    assert post(connect(UNIQUEID_URL=NOWHERE), GOOD) == (200, None)


def test_document_takes_an_upload_slot(connect: Connect) -> None:
    client = connect(INGEST_UPLOADS_AT_ONCE="1")
    with resources_of(client.application).get(UploadSlots).one("bob"):
        assert post(client, GOOD) == (503, "too_many_uploads")
    assert post(client, GOOD) == (200, None)


def test_document_leaves_the_space_free_that_the_stages_need(connect: Connect, database_url: str, spool: Path) -> None:
    client = connect(INGEST_SPOOL_KEPT_FREE=str(2**60))
    with unchanged(database_url, spool):
        assert post(client, GOOD) == (507, "spool_full")


def test_files_that_no_bundle_can_hold_are_refused(connect: Connect) -> None:
    client = connect(INGEST_LARGEST_BUNDLE="1 Mb")
    assert post(client, [*transaction(), {**FILE, "size": MIB + 1}]) == (413, "bundle_too_large")
    assert post(client, [*transaction(), {**SOURCE, "size": MIB + 1}], "/preflight/move") == (200, None)


@pytest.mark.parametrize("user", ["ada", "bob"])
def test_move_from_a_folder_without_a_rule_is_refused_as_by_the_move_itself(connect: Connect, user: str) -> None:
    client = connect(INGEST_AUTHENTICATION="open", INGEST_MOVE_RULES="ada: /srv/ada")
    headers = {"X-Http-Authed-User": user}
    answers = [
        client.post(path, json=[*transaction(), SOURCE], headers=headers) for path in ("/move", "/preflight/move")
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].get_json() == answers[1].get_json()


def test_user_may_name_only_submitters_that_are_assigned_to_the_user(connect: Connect, tmp_path: Path) -> None:
    submitters = tmp_path / "submitters.json"
    submitters.write_text('{"ada": 10, "bob": 11}')
    client = connect(**PROXY, INGEST_SUBMITTER_CHECK="file", INGEST_SUBMITTER_FILE=str(submitters))
    assert post(client, GOOD, user="ada") == (200, None)
    assert post(client, GOOD, user="bob") == (422, "submitter_mismatch")
    submitters.unlink()
    assert post(client, GOOD, user="ada") == (503, "submitters_unavailable")


def test_check_waits_for_another_only_for_a_time(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "WAIT_SECONDS", 0)
    with ExitStack() as running:
        for _ in range(preflight.MAX_CHECKS):
            running.enter_context(preflight.limited())
        answer = client.post("/preflight", json=metadata_of(CONTENTS))
        assert (answer.status_code, answer.get_json()["code"]) == (503, "too_many_uploads")
        assert "Retry-After" in answer.headers
    assert client.post("/preflight", json=metadata_of(CONTENTS)).status_code == 200


@pytest.fixture
def limited_url(postgres: Layout, database_url: str) -> Iterator[str]:
    """Yield the URL of a user that may use the ledger but may not create temporary tables."""
    url = parsed(Settings(database_url=database_url))

    def run(statement: str) -> None:
        connection = psycopg2.connect(host=str(postgres.sockets), user="postgres", dbname=url.database)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()

    run("CREATE ROLE limited LOGIN")
    run(f"GRANT CONNECT ON DATABASE {url.database} TO limited")
    run("GRANT ALL ON ALL TABLES IN SCHEMA public TO limited")
    try:
        yield url.set(username="limited", drivername="postgresql").render_as_string(hide_password=False)
    finally:
        run("DROP OWNED BY limited")
        run("DROP ROLE limited")


def test_database_user_without_the_right_to_temporary_tables_gets_the_remedy(
    connect: Connect, limited_url: str
) -> None:
    answer = connect(limited_url).post("/preflight", json=GOOD)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "database_unavailable")
    assert answer.get_json()["message"].endswith("GRANT TEMPORARY ON DATABASE ingest TO limited")
