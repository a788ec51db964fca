"""The creation of uploads by tus 1.0.0: what is refused leaves nothing that the client cannot find."""

import resource

import pytest
import requests

from tests.api.live_server import Server
from tests.api.receiving.resumable.conftest import MIB
from tests.api.receiving.resumable.tus_client import PART, TUS, TusUpload, begin_creation, create
from tools.waiting import wait_until


@pytest.mark.parametrize("length", ["-1", "1.5", "ten", "9" * 30, ""])
def test_malformed_length_is_refused(server: Server, length: str) -> None:
    answer = requests.post(f"{server.url}/uploads", headers={**TUS, "Upload-Length": length}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (400, "upload_header_invalid")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 412, "tus_version_unsupported"),
        ({"Tus-Resumable": "0.2.2", "Upload-Length": "5"}, 412, "tus_version_unsupported"),
        ({**TUS}, 400, "upload_header_invalid"),
        ({**TUS, "Upload-Length": "5", "Upload-Defer-Length": "1"}, 400, "upload_header_invalid"),
        ({**TUS, "Upload-Defer-Length": "2"}, 400, "upload_header_invalid"),
        ({**TUS, "Upload-Length": "0"}, 400, "body_incomplete"),
        ({**TUS, "Upload-Length": str(17 * 1024**4)}, 413, "bundle_too_large"),
        *(
            ({**TUS, "Upload-Length": "5", "Upload-Metadata": metadata}, 400, "upload_header_invalid")
            for metadata in ("name not base64!", "name YQ", "a YQ==,,b", "a,b,a", "\xe4", "a " + "A" * 4096)
        ),
    ],
)
def test_creation_that_is_refused_leaves_nothing(
    server: Server, headers: dict[str, str], status: int, code: str
) -> None:
    with server.leaves_nothing():
        answer = requests.post(f"{server.url}/uploads", headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


@pytest.mark.parametrize("metadata", ["filename YS50YXI=,is_confidential", "a " + "A" * 4000 + ", b ,c"])
def test_metadata_of_tus_is_answered_as_it_was_sent(server: Server, metadata: str) -> None:
    upload = create(server, 5, headers={"Upload-Metadata": metadata})
    assert upload.head().headers["Upload-Metadata"] == metadata
    assert "Upload-Metadata" not in upload.patch(b"12345", 0).headers
    assert upload.head().headers["Upload-Metadata"] == metadata


def test_upload_without_metadata_answers_none(server: Server) -> None:
    assert "Upload-Metadata" not in create(server, 5).head().headers


@pytest.mark.parametrize(
    ("headers", "data", "status", "code"),
    [
        ({"Upload-Length": "5"}, b"123456", 400, "upload_length_inconsistent"),
        ({"Upload-Length": "5", "Content-Encoding": "gzip"}, b"12345", 415, "content_encoding_unsupported"),
        (
            {"Upload-Length": "5", "Upload-Checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
            b"12345",
            460,
            "checksum_mismatch",
        ),
    ],
)
def test_creation_with_refused_bytes_leaves_nothing(
    server: Server, headers: dict[str, str], data: bytes, status: int, code: str
) -> None:
    with server.leaves_nothing():
        answer = requests.post(f"{server.url}/uploads", data=data, headers={**PART, **headers}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_creation_whose_connection_breaks_leaves_nothing(server: Server) -> None:
    with server.leaves_nothing():
        uploads = server.uploads()
        with server.connect() as connection:
            begin_creation(connection, MIB)
            connection.sendall(b"x" * 5)
            wait_until(lambda: server.uploads() > uploads, 30, lambda: "no upload is created")


def test_refused_creation_with_a_key_can_be_found(server: Server) -> None:
    headers = {**PART, "Upload-Length": "5", "Idempotency-Key": '"refused creation"'}
    assert requests.post(f"{server.url}/uploads", data=b"123456", headers=headers, timeout=60).status_code == 400
    again = requests.post(f"{server.url}/uploads", headers=headers, timeout=60)
    upload = TusUpload(server, server.url + again.headers["Location"])
    assert upload.patch(b"12345", 0).status_code == 204


@pytest.mark.parametrize("length", ["5\x1d", "5\x85", "5\xa0"])
def test_length_beside_a_control_character_is_no_internal_error(server: Server, length: str) -> None:
    answer = requests.post(f"{server.url}/uploads", headers={**TUS, "Upload-Length": length}, timeout=60)
    assert answer.status_code in {201, 400}, answer.text


def test_file_that_the_disk_refuses_leaves_nothing(server: Server) -> None:
    """The kernel refuses larger files of these processes, as a disk does that became full in the meantime."""
    limits = {worker: resource.prlimit(worker, resource.RLIMIT_FSIZE) for worker in server.workers()}
    for worker, (_, hard) in limits.items():
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (MIB, hard))
    try:
        with server.leaves_nothing():
            answer = requests.post(f"{server.url}/uploads", headers={**TUS, "Upload-Length": str(2 * MIB)}, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (507, "spool_full")
    finally:
        for worker, limit in limits.items():
            resource.prlimit(worker, resource.RLIMIT_FSIZE, limit)


@pytest.mark.parametrize("header", ["Content-Range: bytes 0-4/5", "Upload-Concat: partial"])
def test_parts_of_other_protocols_are_refused(server: Server, header: str) -> None:
    name, _, value = header.partition(": ")
    upload = create(server, 5)
    with server.leaves_nothing():
        answers = (
            requests.post(f"{server.url}/uploads", headers={**TUS, "Upload-Length": "5", name: value}, timeout=60),
            upload.patch(b"12345", 0, **{name: value}),
        )
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(400, "upload_header_invalid")] * 2
