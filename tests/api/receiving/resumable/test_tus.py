"""Uploads by tus 1.0.0, request by request: https://tus.io/protocols/resumable-upload."""

import base64
import hashlib
import socket

import pytest
import requests

from tests.api.live_server import Server
from tests.api.receiving.resumable.conftest import MIB
from tests.api.receiving.resumable.tus_client import PART, TUS, TusUpload, create
from tools.waiting import wait_until


def test_options_describe_what_is_supported(server: Server) -> None:
    answer = requests.options(f"{server.url}/uploads", timeout=60)
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation", "creation-with-upload", "creation-defer-length", "checksum", "expiration", "termination",
    }  # fmt: skip
    assert int(answer.headers["Tus-Max-Size"]) == 16 * 1024**4


def test_bundle_in_parts_becomes_one_job_with_the_same_bytes(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle))
    for offset in range(0, len(bundle), MIB):
        answer = upload.patch(bundle[offset : offset + MIB], offset)
        assert answer.status_code == 204, answer.text
        assert int(answer.headers["Upload-Offset"]) == min(offset + MIB, len(bundle)) == upload.offset()
    assert answer.headers["Link"] == f'</jobs/{upload.job()}>; rel="related"' == upload.head().headers["Link"]
    assert upload.file().read_bytes() == bundle


def test_bundle_sent_with_its_creation(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle), bundle)
    assert upload.file().read_bytes() == bundle


def test_length_may_be_declared_with_a_later_part(server: Server, bundle: bytes) -> None:
    upload = create(server, None)
    assert upload.head().headers["Upload-Defer-Length"] == "1"
    upload.patch(bundle[:MIB], 0)
    assert upload.get().json()["length"] is None
    answer = upload.patch(bundle[MIB:], MIB, Upload_Length=str(len(bundle)))
    assert answer.status_code == 204, answer.text
    assert upload.file().read_bytes() == bundle


def test_wrong_offset_is_refused_and_the_right_one_is_answered(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle), bundle[:MIB])
    for offset in (0, MIB - 1, MIB + 1, len(bundle)):
        answer = upload.patch(b"x", offset)
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_offset_mismatch")
        assert answer.headers["Upload-Offset"] == str(MIB)
    assert upload.offset() == MIB


def test_more_bytes_than_the_length_are_refused(server: Server) -> None:
    upload = create(server, 10, b"12345")
    answer = upload.patch(b"678901", 5)
    assert (answer.status_code, answer.json()["code"]) == (400, "upload_length_inconsistent")
    assert upload.offset() == 5


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
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "name not base64!"}, 400, "upload_header_invalid"),
    ],
)
def test_creation_that_is_refused_leaves_nothing(
    server: Server, headers: dict[str, str], status: int, code: str
) -> None:
    with server.leaves_nothing():
        answer = requests.post(f"{server.url}/uploads", headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_metadata_of_tus_is_accepted(server: Server) -> None:
    create(server, 5, headers={"Upload-Metadata": "filename YS50YXI=,is_confidential"})


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_part_with_its_checksum_is_kept(server: Server, bundle: bytes, algorithm: str) -> None:
    upload = create(server, len(bundle))
    for part, offset in ((bundle[:MIB], 0), (bundle[MIB:], MIB)):
        assert upload.patch(part, offset, Upload_Checksum=checksum(algorithm, part)).status_code == 204
    assert upload.file().read_bytes() == bundle


def test_part_with_another_checksum_is_discarded(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle), bundle[:MIB])
    answer = upload.patch(bundle[MIB:], MIB, Upload_Checksum=checksum("sha1", b"other"))
    assert (answer.status_code, answer.json()["code"]) == (460, "checksum_mismatch")
    assert upload.offset() == MIB
    assert upload.patch(bundle[MIB:], MIB).status_code == 204
    assert upload.file().read_bytes() == bundle


@pytest.mark.parametrize("value", ["crc32 AAAA", "sha1", "sha1 not-base64", "sha1 AAAA"])
def test_malformed_checksum_is_refused(server: Server, value: str) -> None:
    upload = create(server, 10)
    answer = upload.patch(b"12345", 0, Upload_Checksum=value)
    assert (answer.status_code, answer.json()["code"]) == (400, "upload_header_invalid")
    assert upload.offset() == 0


def test_removed_upload_leaves_nothing(server: Server, bundle: bytes) -> None:
    with server.leaves_nothing():
        upload = create(server, len(bundle), bundle[:MIB])
        assert upload.delete().status_code == 204
        for answer in (upload.get(), upload.patch(b"x", MIB), upload.delete()):
            assert (answer.status_code, answer.json()["code"]) == (404, "upload_unknown")
        assert upload.head().status_code == 404


def test_complete_upload_cannot_be_removed(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle), bundle)
    answer = upload.delete()
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_has_job")
    assert upload.file().read_bytes() == bundle


def test_last_request_may_be_repeated(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle), bundle)
    jobs = set(server.rows())
    answer = upload.patch(b"", len(bundle))
    assert (answer.status_code, answer.headers["Link"]) == (204, f'</jobs/{upload.job()}>; rel="related"')
    assert set(server.rows()) == jobs


def test_method_may_be_named_in_a_header(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle))
    headers = {**PART, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert requests.post(upload.address, data=bundle, headers=headers, timeout=60).status_code == 204
    assert upload.file().read_bytes() == bundle
    assert requests.post(upload.address, headers=TUS, timeout=60).status_code == 405


def test_bytes_of_a_request_that_was_cut_off_are_kept(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle))
    with server.connect() as connection:
        send_part(connection, upload, 0, len(bundle))
        connection.sendall(bundle[: 2 * MIB + 5])
    wait_until(lambda: upload.offset() == 2 * MIB + 5, 30, lambda: str(upload.offset()))
    assert upload.patch(bundle[2 * MIB + 5 :], 2 * MIB + 5).status_code == 204
    assert upload.file().read_bytes() == bundle


def test_second_request_ends_the_first_and_continues_where_it_ended(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle))
    with server.connect() as stalled:
        send_part(stalled, upload, 0, len(bundle))
        stalled.sendall(bundle[:MIB])
        wait_until(lambda: upload.holds(bundle[:MIB]), 30, lambda: "the part is not written")
        assert upload.offset() == MIB
        assert b"409" in stalled.recv(4096)
    assert upload.patch(bundle[MIB:], MIB).status_code == 204
    assert upload.file().read_bytes() == bundle


def test_progress_is_reported_without_ending_the_request(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle), bundle[:MIB])
    with server.connect() as sending:
        send_part(sending, upload, MIB, len(bundle) - MIB)
        report = upload.get().json()
        assert (report["offset"], report["length"], report["complete"]) == (MIB, len(bundle), False)
        sending.sendall(bundle[MIB:])
        assert b"204" in sending.recv(4096)
    assert upload.get().json()["complete"]


def checksum(algorithm: str, part: bytes) -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, part).digest()).decode()}"


def send_part(connection: socket.socket, upload: TusUpload, offset: int, size: int) -> None:
    """Send the head of a PATCH whose body follows."""
    path = upload.address.removeprefix(upload.server.url)
    lines = (
        f"PATCH {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in PART.items()),
        f"Upload-Offset: {offset}", f"Content-Length: {size}", "\r\n",
    )  # fmt: skip
    connection.sendall("\r\n".join(lines).encode())
