"""Uploads by tus 1.0.0, request by request: https://tus.io/protocols/resumable-upload."""

from collections.abc import Iterator

import pytest
import requests

from tests.api.live_server import Server
from tests.api.receiving.resumable.conftest import MIB
from tests.api.receiving.resumable.tus_client import PART, TUS, TusUpload, create, send_part
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
    assert answer.headers["Allow"] == "OPTIONS, POST"


def test_options_of_an_upload_describe_the_same_and_its_methods(server: Server) -> None:
    supported = requests.options(f"{server.url}/uploads", timeout=60)
    for address in (create(server, 10).address, f"{server.url}/uploads/unknown"):
        answer = requests.options(address, headers=TUS, timeout=60)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST"
        for name in ("Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm", "Accept-Patch"):
            assert answer.headers[name] == supported.headers[name]
    for method in answer.headers["Allow"].split(", "):
        headers = TUS | ({"X-HTTP-Method-Override": "PATCH"} if method == "POST" else {})
        assert requests.request(method, address, headers=headers, timeout=60).status_code != 405


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


@pytest.mark.parametrize("token", ["%00", "a%00b", "%ff", "a%0d%0aX-Header:%20b", "..%5c..", "'", "%E2%80%AE"])
def test_address_with_odd_characters_is_unknown(server: Server, token: str) -> None:
    upload = TusUpload(server, f"{server.url}/uploads/{token}")
    answers = (upload.get(), upload.head(), upload.patch(b"x", 0), upload.delete())
    assert [answer.status_code for answer in answers] == [404] * 4
    assert all("X-Header" not in answer.headers for answer in answers)


def test_every_answer_names_the_version(server: Server) -> None:
    upload, unknown = create(server, 5), TusUpload(server, f"{server.url}/uploads/unknown")
    answers = (
        upload.head(), upload.patch(b"x", 3), upload.patch(b"123456", 0), upload.patch(b"123", 0), unknown.head(),
        unknown.patch(b"x", 0), upload.delete(), requests.post(f"{server.url}/uploads", timeout=60),
    )  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 409, 400, 204, 404, 404, 204, 412]
    assert {answer.headers.get("Tus-Resumable") for answer in answers} == {"1.0.0"}
    assert answers[-1].headers["Tus-Version"] == "1.0.0"


def test_last_request_may_be_repeated(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle), bundle)
    jobs = set(server.rows())
    answer = upload.patch(b"", len(bundle))
    assert (answer.status_code, answer.headers["Link"]) == (204, f'</jobs/{upload.job()}>; rel="related"')
    assert set(server.rows()) == jobs


@pytest.mark.parametrize("sent", [b"x", iter([b"x"])], ids=["whole", "in chunks"])
def test_complete_upload_takes_no_further_byte(server: Server, bundle: bytes, sent: bytes | Iterator[bytes]) -> None:
    upload = create(server, len(bundle), bundle)
    answer = upload.patch(sent, len(bundle))
    assert (answer.status_code, answer.json()["code"]) == (400, "upload_length_inconsistent")
    assert upload.file().read_bytes() == bundle


def test_method_may_be_named_in_a_header(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle))
    headers = {**PART, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert requests.post(upload.address, data=bundle, headers=headers, timeout=60).status_code == 204
    assert upload.file().read_bytes() == bundle
    refused = requests.post(upload.address, headers=TUS, timeout=60)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "DELETE, GET, HEAD, OPTIONS, PATCH")


def test_bytes_of_a_request_that_was_cut_off_are_kept(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle))
    with server.connect() as connection:
        send_part(connection, upload, 0, len(bundle))
        connection.sendall(bundle[: 2 * MIB + 5])
    wait_until(lambda: upload.offset() == 2 * MIB + 5, 30, lambda: str(upload.offset()))
    assert upload.patch(bundle[2 * MIB + 5 :], 2 * MIB + 5).status_code == 204
    assert upload.file().read_bytes() == bundle


@pytest.mark.parametrize("end", [b"", b"not a chunk\r\n"], ids=["cut off", "malformed"])
def test_bytes_of_a_body_in_chunks_that_breaks_are_kept(server: Server, bundle: bytes, end: bytes) -> None:
    upload = create(server, len(bundle))
    with server.connect() as connection:
        send_part(connection, upload, 0, None)
        connection.sendall(
            b"%x\r\n%s\r\n" % (MIB, bundle[:MIB]) + b"%x\r\n%s" % (5, bundle[MIB : MIB + 5]) + b"\r\n" + end
        )
    wait_until(lambda: upload.offset() == MIB + 5, 30, lambda: str(upload.offset()))
    assert upload.patch(bundle[MIB + 5 :], MIB + 5).status_code == 204
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
