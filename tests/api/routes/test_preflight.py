"""Preflight on the real server: its verdicts, the errors of its requests, and that nothing remains."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg2
import pytest
import requests
from pydantic import BaseModel

from api.openapi.preflight_schemas import Acceptable, Unacceptable
from ingest.ledger.database import database_url as parsed
from ingest.local.layout import Layout
from ingest.settings.loading import Settings
from tests.api.clients import STALLED, refusal
from tests.api.live_server import NOWHERE, Server, execute, serving, serving_alone
from tools.bundles import CONTENTS, Entry, file_entry, metadata_of, transaction
from tools.waiting import wait_until

FILE = file_entry("data/a", b"a")
SOURCE = file_entry("data/a", b"a", source="/srv/a")
JSON = {"Content-Type": "application/json"}
HEAD = b"POST /preflight HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
# A table of another session counts as used once it has a page.
TEMPORARY_FILES = """
SELECT 1 FROM pg_class WHERE relname = 'file' AND relpersistence = 't' AND pg_relation_size(oid) > 0
"""
TEMPORARY_TABLES = "SELECT relname FROM pg_class WHERE relname IN ('job', 'file', 'event') AND relpersistence = 't'"
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"


def check(server: Server, entries: list[Entry] | bytes, path: str = "/preflight", **headers: str) -> requests.Response:
    body = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return requests.post(server.url + path, data=body, headers={**JSON, **headers}, timeout=60)


def verdict(answer: requests.Response) -> dict[str, Any]:
    """Return the verdict, which has the documented form."""
    kind: type[BaseModel] = Acceptable if answer.status_code == 200 else Unacceptable
    document: dict[str, Any] = answer.json()
    kind.model_validate(document, strict=True)
    return document


def codes(answer: requests.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [fault["code"] for fault in verdict(answer)["faults"]]


def contents_of(url: str) -> object:
    """Return the number of rows of every table, and the last value of every sequence."""
    counts = {table: execute(url, f'SELECT count(*) FROM "{table}"') for (table,) in execute(url, TABLES)}
    return counts, execute(url, SEQUENCES)


@contextmanager
def unchanged(server: Server) -> Iterator[None]:
    """Check that the `with` block changes no table, no sequence and no file in the spool."""
    before = contents_of(server.database_url), server.files()
    yield
    assert (contents_of(server.database_url), server.files()) == before
    wait_until(lambda: not execute(server.database_url, TEMPORARY_TABLES), 60, lambda: "temporary tables remain")


def test_good_metadata_is_acceptable_with_the_limits_of_a_bundle(server: Server) -> None:
    answer = check(server, metadata_of(CONTENTS))
    found = verdict(answer)
    assert (answer.status_code, found["acceptable"], found["policy"]) == (200, True, "accepted")
    assert (found["files"], found["bytes"]) == (len(CONTENTS), sum(map(len, CONTENTS.values())))
    assert found["largest_bundle"] == Settings().largest_bundle
    assert found["bytes_free"] > 0


def test_all_faults_are_listed_with_their_codes_and_entries(server: Server) -> None:
    entries = [*transaction(), FILE, FILE, {**FILE, "name": "b", "size": -1, "hashsum": "x"}, {"name": "c"}]
    answer = check(server, entries)
    assert codes(answer) == ["size_malformed", "hash_malformed", "entry_without_table", "file_listed_twice"]
    found = verdict(answer)
    assert (found["acceptable"], found["code"], found["policy"]) == (False, "metadata_invalid", "unchecked")
    assert found["faults"][2]["text"] == 'entry 7: "destinationTable" must be a text'
    assert found["message"] == "; ".join(f"{fault['text']} [{fault['code']}]" for fault in found["faults"])


def test_further_faults_are_counted(server: Server) -> None:
    found = verdict(check(server, [{}] * 130))
    assert (len(found["faults"]), found["more_faults"]) == (100, 30)


@pytest.mark.parametrize("body", [b"[", b"{}", b"\xff", b'[{"destinationTable": "x"}]]', b"[" * 10_000])
def test_document_that_cannot_be_read_is_a_fault(server: Server, body: bytes) -> None:
    answer = check(server, body)
    assert verdict(answer)["code"] == "metadata_invalid"
    assert len(codes(answer)) == 1


def test_ambiguous_paths_are_a_fault_beside_others(server: Server) -> None:
    entries = [*transaction(), FILE, file_entry("data/A", b"a"), file_entry("data/b", b"b", hashtype="crc")]
    assert codes(check(server, entries)) == ["path_ambiguous", "hash_type_unknown"]


def test_folder_below_data_may_be_called_data_as_the_stock_client_writes_it(server: Server) -> None:
    # Read as documented, both entries declare the same file; read as the stock client writes them, two.
    entries = [*transaction(), {**FILE, "subdir": ""}, {**FILE, "subdir": "data"}]
    assert verdict(check(server, entries))["files"] == 2


def test_ambiguous_paths_of_the_other_reading_do_not_count(server: Server) -> None:
    entries = [*transaction(), {**FILE, "name": "data", "subdir": ""}, {**FILE, "name": "A", "subdir": ""}, FILE]
    assert verdict(check(server, entries))["files"] == 3


def test_transaction_id_is_never_accepted(server: Server) -> None:
    for value in (0, 1, "None"):
        assert codes(
            check(server, [*metadata_of(CONTENTS), {"destinationTable": "Transactions._id", "value": value}])
        ) == ["transaction_id_given"]


def test_rejection_by_policy_has_its_code_and_reason(server: Server) -> None:
    answer = check(server, [entry for entry in transaction() if "project" not in entry["destinationTable"]])
    assert codes(answer) == ["policy_rejected"]
    found = verdict(answer)
    assert (found["code"], found["policy"]) == ("policy_rejected", "rejected")
    assert "project is missing" in found["message"]


def test_move_document_must_name_sources_once(server: Server) -> None:
    assert check(server, [*transaction(), FILE], "/preflight/move").json()["faults"][0]["code"] == "source_malformed"
    twice = [*transaction(), SOURCE, {**SOURCE, "name": "b"}]
    assert codes(check(server, twice, "/preflight/move")) == ["source_listed_twice"]
    assert verdict(check(server, [*transaction(), SOURCE], "/preflight/move"))["files"] == 1


def test_files_that_no_bundle_can_hold_are_refused(database_url: str, tmp_path: Path) -> None:
    with serving_alone(tmp_path, database_url, INGEST_LARGEST_BUNDLE="1 Mb") as server:
        answer = check(server, [*transaction(), {**FILE, "size": 1024**2 + 1}])
        assert (answer.status_code, answer.json()["code"]) == (413, "bundle_too_large")
        assert check(server, [*transaction(), {**SOURCE, "size": 1024**2 + 1}], "/preflight/move").ok


def test_move_from_a_folder_without_a_rule_is_refused_as_by_the_move_itself(database_url: str, tmp_path: Path) -> None:
    rules = {"INGEST_AUTHENTICATION": "open", "INGEST_MOVE_RULES": "ada: /srv/ada"}
    with serving_alone(tmp_path, database_url, **rules) as server:
        for user in ("ada", "bob"):
            answers = [
                check(server, [*transaction(), SOURCE], path, **{"X-Http-Authed-User": user})
                for path in ("/move", "/preflight/move")
            ]
            assert [answer.status_code for answer in answers] == [403, 403]
            assert answers[0].json() == answers[1].json()


def test_user_who_may_not_use_the_submitter_is_told_before_the_upload(database_url: str, tmp_path: Path) -> None:
    submitters = tmp_path / "submitters.json"
    submitters.write_text('{"ada": 10, "bob": 11}')
    settings = {
        "INGEST_AUTHENTICATION": "proxy",
        "INGEST_TRUSTED_PROXIES": "127.0.0.1",
        "INGEST_SUBMITTER_CHECK": "file",
        "INGEST_SUBMITTER_FILE": submitters,
    }
    with serving_alone(tmp_path, database_url, **settings) as server:
        assert check(server, metadata_of(CONTENTS), **{"X-Http-Authed-User": "ada"}).ok
        assert codes(check(server, metadata_of(CONTENTS), **{"X-Http-Authed-User": "bob"})) == ["submitter_mismatch"]
        submitters.unlink()
        answer = check(server, metadata_of(CONTENTS), **{"X-Http-Authed-User": "ada"})
        assert (answer.status_code, answer.json()["code"]) == (503, "submitters_unavailable")


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


def test_nothing_remains_of_any_verdict(server: Server) -> None:
    documents: list[tuple[list[Entry] | bytes, str]] = [
        (metadata_of(CONTENTS), "/preflight"),
        ([*transaction(), FILE, FILE], "/preflight"),
        ([*transaction(), SOURCE], "/preflight/move"),
        (b"[", "/preflight"),
        ([FILE], "/preflight"),
    ]
    with unchanged(server):
        statuses = [check(server, body, path).status_code for body, path in documents]
    assert statuses == [200, 422, 200, 422, 422]


def test_nothing_remains_of_a_document_that_breaks_off(server: Server) -> None:
    with unchanged(server), server.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 99\r\n\r\n[{")
        connection.shutdown(socket.SHUT_WR)
        assert refusal(connection) == "400 body_incomplete"


def many_files(count: int) -> bytes:
    return json.dumps([*transaction(), *({**FILE, "name": str(number)} for number in range(count))]).encode()


def test_nothing_remains_after_a_kill_in_the_middle(database_url: str, tmp_path: Path) -> None:
    with serving_alone(tmp_path, database_url) as server, unchanged(server):
        document = many_files(100_000)
        answered: list[object] = []

        def post() -> None:
            try:
                answered.append(check(server, document))
            except requests.ConnectionError:
                answered.append(None)

        client = Thread(target=post)
        client.start()
        wait_until(lambda: bool(execute(database_url, TEMPORARY_FILES)), 60, lambda: "no check has begun")
        for worker in server.workers():
            os.kill(worker, signal.SIGKILL)
        client.join(60)
        assert answered == [None]
        # The server starts new workers, and the next document finds no trace of the first.
        wait_until(lambda: _is_accepted(server), 60, lambda: "no worker answers")


def _is_accepted(server: Server) -> bool:
    try:
        return check(server, metadata_of(CONTENTS)).ok
    except requests.ConnectionError:
        return False
