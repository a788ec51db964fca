"""Accepted uploads: the file on the disk, the row in the database, and the answer."""

import re
from collections.abc import Iterator

import pytest
import requests

from tests.api.live_server import Server
from tools.bundles import make_bundle

MOVE = b'[{"destinationTable": "Files", "source": "/data/a"}, {"destinationTable": "Transactions.project"}]'
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def in_chunks(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


@pytest.mark.parametrize("path", ["/ingest", "/upload"])
def test_a_bundle_is_on_disk_and_its_job_recorded_while_airflow_is_unavailable(server: Server, path: str) -> None:
    body = bytes(range(256)) * 20_000
    answer = requests.post(
        server.url + path, data=body, headers={"Content-Type": "application/octet-stream"}, timeout=30
    )
    assert answer.status_code == 200
    assert answer.headers["Location"] == f"/jobs/{answer.json()['job_id']}"
    row = server.rows()[answer.json()["job_id"]]
    assert (row["kind"], row["size"], row["user"], row["triggered"]) == ("ingest", len(body), "anonymous", None)
    assert re.fullmatch(rf"{row['id']}-[0-9a-f]{{8}}\.tar", row["spool_name"])
    assert (server.spool / row["spool_name"]).read_bytes() == body


def test_a_body_in_chunks_is_received_completely(server: Server) -> None:
    body = b"0123456789abcdef" * 200_000
    answer = requests.post(f"{server.url}/upload", data=in_chunks(body, 70_001), timeout=30)
    assert answer.status_code == 200
    row = server.rows()[answer.json()["job_id"]]
    assert (server.spool / row["spool_name"]).read_bytes() == body
    assert row["size"] == len(body)


def test_the_answer_is_the_documented_state(server: Server) -> None:
    document = requests.post(f"{server.url}/ingest", data=b"x", timeout=30).json()
    assert type(document.pop("job_id")) is int
    assert TIME.fullmatch(document["created"])
    assert TIME.fullmatch(document["updated"])
    assert {key: value for key, value in document.items() if key not in ("created", "updated")} == {
        "state": "OK",
        "task": "UPLOADING",
        "task_percent": "0.0",
        "exception": "",
        "complete": False,
    }


def test_no_part_file_remains_beside_the_bundles(server: Server) -> None:
    requests.post(f"{server.url}/ingest", data=b"x", timeout=30)
    assert server.files()
    assert not [name for name in server.files() if name.endswith(".part")]


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "application/x-tar", "nonsense", None])
def test_any_content_type_except_those_of_forms_is_accepted_for_a_bundle(
    server: Server, content_type: str | None
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = requests.post(f"{server.url}/upload", data=b"[1]", headers=headers, timeout=30)
    assert answer.status_code == 200


@pytest.mark.parametrize("body", [make_bundle(), b"this is not a tar", bytes(range(256))])
def test_body_of_curl_data_binary_is_accepted_despite_its_form_content_type(server: Server, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(f"{server.url}/ingest", data=body, headers=headers, timeout=30)
    assert answer.status_code == 200
    assert (server.spool / server.rows()[answer.json()["job_id"]]["spool_name"]).read_bytes() == body


def test_the_proxys_header_names_the_user(server: Server) -> None:
    headers = {"X-Http-Authed-User": "m\u00fcller".encode()}
    answer = requests.post(f"{server.url}/upload", data=b"x", headers=headers, timeout=30)
    assert server.rows()[answer.json()["job_id"]]["user"] == "m\u00fcller"


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "text/javascript"])
def test_a_move_document_becomes_a_move_job(server: Server, content_type: str) -> None:
    answer = requests.post(f"{server.url}/move", data=MOVE, headers={"Content-Type": content_type}, timeout=30)
    assert answer.status_code == 200
    assert answer.json()["task"] == "UPLOADING"
    row = server.rows()[answer.json()["job_id"]]
    assert row["kind"] == "move"
    assert re.fullmatch(rf"{row['id']}-[0-9a-f]{{8}}\.json", row["spool_name"])
    assert (server.spool / row["spool_name"]).read_bytes() == MOVE


def test_one_connection_serves_an_upload_and_polls_as_the_stock_client_uses_it(server: Server) -> None:
    with requests.Session() as session:
        uploaded = session.post(f"{server.url}/upload", data=b"x", timeout=30).json()
        job_id = uploaded["job_id"]
        for _ in range(3):
            state = session.get(f"{server.url}/get_state", params={"job_id": job_id}, timeout=30).json()
            assert state == uploaded
