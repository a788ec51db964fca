"""What holds for a bundle in one request holds for one in parts: size, rate, slots, space, users."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.api.live_server import Server, serving_alone
from tests.api.receiving.resumable.conftest import MIB
from tests.api.receiving.resumable.tus_client import PART, TUS, TusUpload, create, send_part
from tests.api.shared_server import SharedServer, shared_server
from tools.waiting import wait_until

LARGEST = 2 * MIB


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Server]:
    settings = {"INGEST_LARGEST_BUNDLE": LARGEST, "INGEST_RECEIVE_TIMEOUT": 3}
    with serving_alone(tmp_path_factory.mktemp("limited"), database_url, **settings) as server:
        yield server
        server.forget_uploads()


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[SharedServer]:
    spool: Path = tmp_path_factory.mktemp("users") / "spool"
    spool.mkdir()
    with shared_server(spool, database_url) as shared:
        yield shared
        shared.server.forget_uploads()


def test_declared_length_beyond_the_limit_is_refused(limited: Server) -> None:
    answer = requests.post(f"{limited.url}/uploads", headers={**TUS, "Upload-Length": str(LARGEST + 1)}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (413, "bundle_too_large")


def test_upload_of_unknown_length_ends_at_the_limit(limited: Server) -> None:
    upload = create(limited, None, b"x" * MIB)
    answer = upload.patch(b"x" * (MIB + 1), MIB)
    assert (answer.status_code, answer.json()["code"]) == (413, "bundle_too_large")
    assert upload.offset() == MIB


@pytest.mark.parametrize(
    ("length", "status", "code"), [(LARGEST + 1, 413, "bundle_too_large"), (0, 400, "body_incomplete")]
)
def test_length_that_is_declared_later_is_checked(limited: Server, length: int, status: int, code: str) -> None:
    upload = create(limited, None)
    answer = upload.patch(b"", 0, Upload_Length=str(length))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert upload.get().json() == {**upload.get().json(), "length": None, "complete": False}


def test_stalled_part_is_ended_and_kept(limited: Server) -> None:
    upload = create(limited, LARGEST)
    with limited.connect() as stalled:
        send_part(stalled, upload, 0, LARGEST)
        stalled.sendall(b"x" * MIB)
        answer = stalled.makefile("rb").read()
    assert b" 503 " in answer
    assert b'"code":"upload_stalled"' in answer
    assert upload.offset() == MIB


def test_part_needs_a_slot(tmp_path: Path, database_url: str) -> None:
    with serving_alone(tmp_path, database_url, INGEST_UPLOADS_AT_ONCE=1) as server:
        upload, other = create(server, LARGEST), create(server, LARGEST)
        with server.connect() as sending:
            send_part(sending, upload, 0, LARGEST)
            sending.sendall(b"x" * MIB)
            wait_until(lambda: upload.holds(b"x" * MIB), 30, lambda: "nothing is written")
            answer = other.patch(b"", 0)
            assert (answer.status_code, answer.json()["code"]) == (503, "too_many_uploads")
        server.forget_uploads()


def test_newer_request_needs_no_slot_beside_the_one_that_it_ends(tmp_path: Path, database_url: str) -> None:
    with serving_alone(tmp_path, database_url, INGEST_UPLOADS_AT_ONCE=1) as server:
        upload = create(server, LARGEST)
        with server.connect() as stalled:
            send_part(stalled, upload, 0, LARGEST)
            stalled.sendall(b"x" * MIB)
            wait_until(lambda: upload.holds(b"x" * MIB), 30, lambda: "the part is not written")
            answer = upload.patch(b"", 0)
            assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, str(MIB))
        server.forget_uploads()


def test_declared_length_reserves_space(server: Server) -> None:
    free = requests.get(f"{server.url}/readyz", timeout=60).json()["spool"]["bytes_free"]
    answer = requests.post(f"{server.url}/uploads", headers={**TUS, "Upload-Length": str(2 * free)}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (507, "spool_full")


def test_upload_of_another_user_is_unknown(users: SharedServer) -> None:
    headers = {user: {"Authorization": f"Bearer {users.tokens[user]}"} for user in users.tokens}
    made = requests.post(
        f"{users.server.url}/uploads", headers={**TUS, "Upload-Length": "5", **headers["ada"]}, timeout=60
    )
    address = users.server.url + made.headers["Location"]
    for method in ("GET", "PATCH", "DELETE", "HEAD"):
        sent = {**PART, "Upload-Offset": "0", **headers["bob"]}
        assert requests.request(method, address, headers=sent, data=b"12345", timeout=60).status_code == 404
    sent = {**PART, "Upload-Offset": "0", **headers["ada"]}
    assert requests.patch(address, headers=sent, data=b"12345", timeout=60).status_code == 204


def test_uploads_of_one_user_count_as_unfinished_jobs(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "spool").mkdir()
    with shared_server(tmp_path / "spool", database_url, INGEST_USER_JOBS=1) as shared:
        headers = {**TUS, "Upload-Length": "5", "Authorization": f"Bearer {shared.tokens['ada']}"}
        answers = [requests.post(f"{shared.server.url}/uploads", headers=headers, timeout=60) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 429]
        assert answers[1].json()["code"] == "user_jobs_limit"
        shared.server.forget_uploads()


def test_any_process_continues_an_upload(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle))
    # Each request opens a connection of its own, and either process may accept it.
    for offset in range(0, len(bundle), MIB // 4):
        assert upload.patch(bundle[offset : offset + MIB // 4], offset).status_code == 204
    assert upload.file().read_bytes() == bundle


def test_two_servers_on_one_spool_continue_an_upload(
    server: Server, bundle: bytes, database_url: str, tmp_path: Path
) -> None:
    with serving_alone(tmp_path, database_url, VOLUME_PATH=server.spool) as other:
        upload = create(server, len(bundle))
        elsewhere = TusUpload(server, upload.address.replace(server.url, other.url))
        with server.connect() as stalled:
            send_part(stalled, upload, 0, len(bundle))
            stalled.sendall(bundle[:MIB])
            wait_until(lambda: upload.holds(bundle[:MIB]), 30, lambda: "nothing is written")
            offset = elsewhere.offset()
        assert elsewhere.patch(bundle[offset:], offset).status_code == 204
    assert upload.file().read_bytes() == bundle
