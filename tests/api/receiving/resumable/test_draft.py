"""Uploads by the IETF draft -12, request by request: draft-ietf-httpbis-resumable-upload."""

import socket

import pytest
import requests

from tests.api.live_server import Server
from tests.api.receiving.resumable.conftest import MIB
from tests.api.receiving.resumable.tus_client import TusUpload, send_part
from tools.waiting import wait_until

TIMEOUT_SECONDS = 60
FIRST, LAST = {"Upload-Complete": "?0"}, {"Upload-Complete": "?1"}
PART = {"Content-Type": "application/partial-upload"}
INTEROP = {"Upload-Draft-Interop-Version": "8"}


def create(server: Server, data: bytes, path: str = "ingest", **headers: str) -> TusUpload:
    """Create an upload with its first bytes."""
    answer = requests.post(f"{server.url}/{path}", data=data, headers={**FIRST, **headers}, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Upload-Complete"] == "?0"
    assert answer.headers["Upload-Offset"] == str(len(data))
    return TusUpload(server, server.url + answer.headers["Location"])


def patch(upload: TusUpload, data: bytes, offset: int, complete: dict[str, str]) -> requests.Response:
    headers = {**PART, **complete, "Upload-Offset": str(offset)}
    return requests.patch(upload.address, data=data, headers=headers, timeout=TIMEOUT_SECONDS)


@pytest.mark.parametrize("path", ["ingest", "upload"])
def test_bundle_in_parts_is_answered_as_a_bundle_in_one_request(server: Server, bundle: bytes, path: str) -> None:
    upload = create(server, bundle[:MIB], path)
    middle = patch(upload, bundle[MIB : 2 * MIB], MIB, FIRST)
    assert (middle.status_code, middle.headers["Upload-Offset"]) == (204, str(2 * MIB))
    answer = patch(upload, bundle[2 * MIB :], 2 * MIB, LAST)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Upload-Complete"] == "?1"
    document = answer.json()
    assert (document["job_id"], document["task"], document["complete"]) == (upload.job(), "UPLOADING", False)
    assert upload.file().read_bytes() == bundle


def test_offset_is_answered_with_the_limits_of_the_draft(server: Server, bundle: bytes) -> None:
    upload = create(server, bundle[:MIB], **{"Upload-Length": str(len(bundle))})
    answer = requests.head(upload.address, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 204
    assert answer.headers["Upload-Offset"] == str(MIB)
    assert answer.headers["Upload-Complete"] == "?0"
    assert answer.headers["Upload-Length"] == str(len(bundle))
    limit = answer.headers["Upload-Limit"]
    assert limit.startswith(f"max-size={16 * 1024**4}, max-age=")
    # 7 days, of which some seconds have passed.
    assert 604_000 < int(limit.rpartition("=")[2]) <= 604_800
    assert answer.headers["Cache-Control"] == "no-store"


def test_bundle_ends_when_the_client_says_so_and_not_at_its_length(server: Server, bundle: bytes) -> None:
    length = {"Upload-Length": str(len(bundle))}
    upload = create(server, bundle[:MIB], **length)
    answer = patch(upload, bundle[MIB:], MIB, FIRST)
    assert (answer.status_code, answer.headers["Upload-Complete"]) == (204, "?0")
    for unfinished in (upload, create(server, bundle, **length)):
        found = requests.head(unfinished.address, timeout=TIMEOUT_SECONDS)
        assert (found.headers["Upload-Complete"], found.headers["Upload-Offset"]) == ("?0", str(len(bundle)))
        assert not unfinished.get().json()["complete"]
        assert patch(unfinished, b"", len(bundle), LAST).status_code == 200
        assert unfinished.file().read_bytes() == bundle


def test_upload_by_an_earlier_draft_ends_at_its_length(server: Server, bundle: bytes) -> None:
    earlier = {"Upload-Draft-Interop-Version": "6"}
    upload = create(server, bundle[:MIB], **{"Upload-Length": str(len(bundle))}, **earlier)
    answer = patch(upload, bundle[MIB:], MIB, {**FIRST, **earlier})
    assert (answer.status_code, answer.headers["Upload-Complete"]) == (200, "?1")
    assert upload.file().read_bytes() == bundle


def test_part_that_is_not_the_last_after_all_takes_back_the_end(server: Server, bundle: bytes) -> None:
    upload = create(server, b"", **{"Upload-Length": str(len(bundle))})
    with server.connect() as connection:
        send_part(connection, upload, 0, len(bundle), {**PART, **LAST})
        connection.sendall(bundle[:MIB])
    wait_until(lambda: upload.get().json()["offset"] == MIB, 30, lambda: upload.get().text)
    assert patch(upload, bundle[MIB:], MIB, FIRST).status_code == 204
    assert not upload.get().json()["complete"]


def test_client_of_tus_continues_an_upload_of_the_draft(server: Server, bundle: bytes) -> None:
    upload = create(server, bundle[:MIB], **{"Upload-Length": str(len(bundle))})
    assert upload.patch(bundle[MIB:], MIB).status_code == 204
    assert upload.file().read_bytes() == bundle


def test_empty_last_part_ends_an_upload_of_unknown_length(server: Server, bundle: bytes) -> None:
    upload = create(server, bundle)
    assert patch(upload, b"", len(bundle), LAST).status_code == 200
    assert upload.file().read_bytes() == bundle


@pytest.mark.parametrize("data", [b"", iter([])], ids=["without bytes", "in chunks"])
def test_empty_bundle_is_refused(server: Server, data: bytes) -> None:
    upload = create(server, b"")
    answer = patch(upload, data, 0, LAST)
    assert (answer.status_code, answer.json()["code"]) == (400, "body_incomplete")
    assert not upload.get().json()["complete"]


def test_last_part_that_ends_before_the_length_is_a_problem(server: Server, bundle: bytes) -> None:
    upload = create(server, bundle[:MIB], **{"Upload-Length": str(len(bundle))})
    headers = {**PART, **LAST, "Upload-Offset": str(MIB)}
    answer = requests.patch(upload.address, data=iter([bundle[MIB:-1]]), headers=headers, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 400
    assert answer.json()["type"] == "https://iana.org/assignments/http-problem-types#inconsistent-upload-length"
    assert patch(upload, bundle[-1:], len(bundle) - 1, LAST).status_code == 200
    assert upload.file().read_bytes() == bundle


def test_refused_length_is_answered_with_the_limits(server: Server) -> None:
    headers = {**FIRST, "Upload-Length": str(17 * 1024**4)}
    for path in ("ingest", "uploads"):
        answer = requests.post(f"{server.url}/{path}", headers=headers, timeout=TIMEOUT_SECONDS)
        assert answer.status_code == 413
        assert answer.headers["Upload-Limit"] == f"max-size={16 * 1024**4}, max-age=86400"


def test_options_describe_what_is_supported(server: Server) -> None:
    answer = requests.options(f"{server.url}/uploads", timeout=TIMEOUT_SECONDS)
    assert answer.headers["Accept-Patch"] == "application/partial-upload"
    assert answer.headers["Upload-Limit"] == f"max-size={16 * 1024**4}, max-age=86400"


def test_last_part_in_chunks(server: Server, bundle: bytes) -> None:
    upload = create(server, bundle[:MIB])
    headers = {**PART, **LAST, "Upload-Offset": str(MIB)}
    answer = requests.patch(upload.address, data=iter([bundle[MIB:]]), headers=headers, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 200, answer.text
    assert upload.file().read_bytes() == bundle


def test_wrong_offset_is_a_problem_with_both_offsets(server: Server, bundle: bytes) -> None:
    upload = create(server, bundle[:MIB])
    answer = patch(upload, bundle[MIB:], 5, LAST)
    assert answer.status_code == 409
    document = answer.json()
    assert document["type"] == "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"
    assert (document["expected-offset"], document["provided-offset"]) == (MIB, 5)


def test_contradicting_lengths_are_a_problem(server: Server, bundle: bytes) -> None:
    upload = create(server, bundle[:MIB], **{"Upload-Length": str(len(bundle))})
    answer = patch(upload, bundle[MIB:-1], MIB, LAST)
    assert answer.status_code == 400
    assert answer.json()["type"] == "https://iana.org/assignments/http-problem-types#inconsistent-upload-length"
    assert upload.get().json()["offset"] == MIB


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({**PART, **LAST}, 400, "upload_header_invalid"),
        ({**PART, "Upload-Offset": "5"}, 400, "upload_header_invalid"),
        ({**PART, "Upload-Offset": "5", "Upload-Complete": "1"}, 400, "upload_header_invalid"),
        ({**LAST, "Upload-Offset": "5"}, 415, "content_type_unsupported"),
    ],
)
def test_malformed_part_is_refused(server: Server, headers: dict[str, str], status: int, code: str) -> None:
    upload = create(server, b"12345")
    answer = requests.patch(upload.address, data=b"6", headers=headers, timeout=TIMEOUT_SECONDS)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_whole_bundle_needs_no_upload_resource(server: Server, bundle: bytes) -> None:
    answer = requests.post(f"{server.url}/ingest", data=bundle, headers=LAST, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 200, answer.text
    job = answer.json()["job_id"]
    assert (answer.headers["Upload-Complete"], answer.headers["Upload-Offset"]) == ("?1", str(len(bundle)))
    assert answer.headers["Location"] == f"/jobs/{job}"


def test_no_client_gets_an_early_address_unasked(server: Server) -> None:
    assert b"104" not in begin(server, FIRST)


def test_client_of_the_interop_version_learns_the_address_early_and_resumes(server: Server, bundle: bytes) -> None:
    with server.connect() as connection:
        head = send_head(connection, {**LAST, **INTEROP}, len(bundle))
        assert head.startswith(b"HTTP/1.1 104 ")
        assert b"Upload-Draft-Interop-Version: 8" in head
        assert b"Upload-Limit: max-size=" in head
        connection.sendall(bundle[:MIB])
    address = head.partition(b"Location: ")[2].partition(b"\r\n")[0].decode()
    upload = TusUpload(server, server.url + address)
    wait_until(lambda: upload.get().json()["offset"] == MIB, 30, lambda: upload.get().text)
    assert patch(upload, bundle[MIB:], MIB, LAST).status_code == 200
    assert upload.file().read_bytes() == bundle


def begin(server: Server, headers: dict[str, str]) -> bytes:
    """Send a creation with an empty body; return the answer."""
    with server.connect() as connection:
        return send_head(connection, headers, 0)


def send_head(connection: socket.socket, headers: dict[str, str], size: int) -> bytes:
    lines = (
        "POST /ingest HTTP/1.1", "Host: localhost", f"Content-Length: {size}",
        *(f"{name}: {value}" for name, value in headers.items()), "\r\n",
    )  # fmt: skip
    connection.sendall("\r\n".join(lines).encode())
    return connection.recv(65536)
