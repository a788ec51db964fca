"""Requests of preflight that are refused, and outages, which are no verdict."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg2
import pytest
from flask.testing import FlaskClient

from api.routes import preflight
from ingest.ledger.database import database_url as parsed
from ingest.local.layout import Layout
from ingest.settings.loading import Settings
from tests.api.clients import STALLED, refusal
from tests.api.live_server import NOWHERE, Server, serving, serving_alone
from tests.api.routes.preflights import FILE, HEAD, check, codes, unchanged
from tools.bundles import CONTENTS, metadata_of, transaction
from tools.waiting import wait_until


@pytest.mark.parametrize("path", ["/preflight", "/preflight/move"])
def test_document_must_be_json(server: Server, path: str) -> None:
    for content_type in ("application/octet-stream", "multipart/form-data"):
        answer = check(server, metadata_of(CONTENTS), path, **{"Content-Type": content_type})
        assert (answer.status_code, answer.json()["code"]) == (415, "content_type_unsupported")


def test_document_that_is_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 1073741825\r\n\r\n")
        assert refusal(connection) == "413 document_too_large"


def test_unavailable_policy_is_an_outage_and_no_verdict(database_url: str, tmp_path: Path) -> None:
    with serving_alone(tmp_path, database_url, POLICY_INGEST_URL=f"{NOWHERE}/ingest") as server, unchanged(server):
        answer = check(server, metadata_of(CONTENTS))
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        # Faults are found without policy.
        assert codes(check(server, [*transaction(), FILE, FILE])) == ["file_listed_twice"]


def test_uniqueid_is_not_needed(database_url: str, tmp_path: Path) -> None:
    with serving_alone(tmp_path, database_url, UNIQUEID_URL=NOWHERE) as server:
        assert check(server, metadata_of(CONTENTS)).ok


def test_document_takes_an_upload_slot(database_url: str, tmp_path: Path) -> None:
    with serving_alone(tmp_path, database_url, INGEST_UPLOADS_AT_ONCE=1) as server:
        with server.connect() as upload:
            upload.sendall(STALLED)
            wait_until(lambda: server.uploads() == 1, 30, lambda: "the upload has not begun")
            answer = check(server, metadata_of(CONTENTS))
            assert (answer.status_code, answer.json()["code"]) == (503, "too_many_uploads")
            assert "Retry-After" in answer.headers
        wait_until(lambda: check(server, metadata_of(CONTENTS)).ok, 30, lambda: "the slot was not released")


def test_document_leaves_the_space_free_that_the_stages_need(database_url: str, tmp_path: Path) -> None:
    with serving_alone(tmp_path, database_url, INGEST_SPOOL_KEPT_FREE=2**60) as server, unchanged(server):
        answer = check(server, metadata_of(CONTENTS))
        assert (answer.status_code, answer.json()["code"]) == (507, "spool_full")


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


def test_database_user_without_the_right_to_temporary_tables_gets_the_remedy(limited_url: str, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    with serving(tmp_path / "spool", limited_url) as server:
        answer = check(server, metadata_of(CONTENTS))
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.json()["message"].endswith("GRANT TEMPORARY ON DATABASE ingest TO limited")
