"""Digests and idempotency keys of resumable uploads."""

import base64
import hashlib
from itertools import count

import pytest
import requests

from tests.api.live_server import Server
from tests.api.receiving.resumable.conftest import MIB
from tests.api.receiving.resumable.tus_client import PART, TUS, TusUpload, create

numbers = count()


def digest(data: bytes, algorithm: str = "sha-256") -> str:
    found = hashlib.new(algorithm.replace("-", ""), data).digest()
    return f"{algorithm}=:{base64.b64encode(found).decode()}:"


@pytest.fixture
def key() -> str:
    return f'"upload {next(numbers)} of these tests"'


def post(server: Server, length: int, data: bytes = b"", **headers: str) -> requests.Response:
    sent = {**(PART if data else TUS), "Upload-Length": str(length)}
    sent.update({name.replace("_", "-"): value for name, value in headers.items()})
    return requests.post(f"{server.url}/uploads", headers=sent, data=data, timeout=60)


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_bundle_with_the_declared_digest_is_accepted(server: Server, bundle: bytes, algorithm: str) -> None:
    upload = create(server, len(bundle), bundle[:MIB], headers={"Repr-Digest": digest(bundle, algorithm)})
    answer = upload.patch(bundle[MIB:], MIB, Want_Repr_Digest=f"{algorithm}=1")
    assert (answer.status_code, answer.headers["Repr-Digest"]) == (204, digest(bundle, algorithm))
    assert upload.file().read_bytes() == bundle


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": '"a whole bundle with digests"'}])
def test_bundle_in_one_part_with_the_declared_digest_is_accepted(
    server: Server, bundle: bytes, key: dict[str, str]
) -> None:
    upload = create(server, len(bundle), headers={"Repr-Digest": digest(bundle, "sha-512"), **key})
    answer = upload.patch(bundle, 0, Want_Repr_Digest="sha-256=1")
    assert (answer.status_code, answer.headers["Repr-Digest"]) == (204, digest(bundle))
    assert upload.file().read_bytes() == bundle


def test_bundle_in_one_part_with_another_digest_is_removed(server: Server, bundle: bytes) -> None:
    with server.leaves_nothing():
        upload = create(server, len(bundle), headers={"Repr-Digest": digest(b"other")})
        answer = upload.patch(bundle, 0)
        assert (answer.status_code, answer.json()["code"]) == (400, "digest_mismatch")


def test_bundle_with_another_digest_is_removed(server: Server, bundle: bytes) -> None:
    with server.leaves_nothing():
        upload = create(server, len(bundle), bundle[:MIB], headers={"Repr-Digest": digest(b"other")})
        answer = upload.patch(bundle[MIB:], MIB)
        assert (answer.status_code, answer.json()["code"]) == (400, "digest_mismatch")
        assert upload.get().status_code == 404


def test_malformed_digest_creates_nothing(server: Server) -> None:
    with server.leaves_nothing():
        answer = post(server, 5, Repr_Digest="sha-256=12")
    assert (answer.status_code, answer.json()["code"]) == (400, "digest_invalid")


def test_part_with_another_content_digest_is_discarded(server: Server, bundle: bytes) -> None:
    upload = create(server, len(bundle))
    answer = upload.patch(bundle[:MIB], 0, Content_Digest=digest(b"other"))
    assert (answer.status_code, answer.json()["code"]) == (400, "digest_mismatch")
    assert upload.patch(bundle[:MIB], 0, Content_Digest=digest(bundle[:MIB])).status_code == 204
    assert upload.patch(bundle[MIB:], MIB, Content_Digest=digest(bundle[MIB:])).status_code == 204
    assert upload.file().read_bytes() == bundle


def test_creation_that_is_sent_again_is_the_same_upload(server: Server, bundle: bytes, key: str) -> None:
    first = post(server, len(bundle), bundle[:MIB], Idempotency_Key=key)
    again = post(server, len(bundle), bundle[:MIB], Idempotency_Key=key)
    assert [answer.status_code for answer in (first, again)] == [201, 201]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Upload-Offset"] == str(MIB)
    upload = TusUpload(server, server.url + again.headers["Location"])
    upload.patch(bundle[MIB:], MIB)
    complete = post(server, len(bundle), Idempotency_Key=key)
    assert complete.headers["Link"] == f'</jobs/{upload.job()}>; rel="related"'


def test_key_of_another_upload_is_refused(server: Server, key: str) -> None:
    assert post(server, 5, Idempotency_Key=key).status_code == 201
    answer = post(server, 6, Idempotency_Key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_bundle_in_one_request_with_the_key_of_a_complete_upload_is_its_job(
    server: Server, bundle: bytes, key: str
) -> None:
    made = post(server, len(bundle), bundle, Idempotency_Key=key)
    upload = TusUpload(server, server.url + made.headers["Location"])
    answers = [
        requests.post(f"{server.url}/ingest", data=data, headers={"Idempotency-Key": key}, timeout=60)
        for data in (bundle, bundle[::-1])
    ]
    assert [answer.status_code for answer in answers] == [200, 422]
    assert answers[0].json()["job_id"] == upload.job()


def test_key_of_an_upload_that_can_still_become_a_job_is_in_use(server: Server, bundle: bytes, key: str) -> None:
    made = post(server, len(bundle), bundle[:MIB], Idempotency_Key=key)
    upload = TusUpload(server, server.url + made.headers["Location"])
    sent = requests.post(f"{server.url}/ingest", data=bundle, headers={"Idempotency-Key": key}, timeout=60)
    assert (sent.status_code, sent.json()["code"]) == (409, "idempotency_key_in_use")
    upload.patch(bundle[MIB:], MIB)
    again = requests.post(f"{server.url}/ingest", data=bundle, headers={"Idempotency-Key": key}, timeout=60)
    assert (again.status_code, again.json()["job_id"]) == (200, upload.job())


def test_key_of_a_removed_upload_is_free(server: Server, key: str) -> None:
    first = post(server, 5, Idempotency_Key=key)
    TusUpload(server, server.url + first.headers["Location"]).delete()
    again = post(server, 6, Idempotency_Key=key)
    assert (again.status_code, "Idempotency-Replayed" in again.headers) == (201, False)


def test_key_of_a_bundle_in_one_request_names_its_job(server: Server, bundle: bytes, key: str) -> None:
    sent = requests.post(f"{server.url}/ingest", data=bundle, headers={"Idempotency-Key": key}, timeout=60)
    answer = post(server, len(bundle), Idempotency_Key=key)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_has_job")
    assert f"job {sent.json()['job_id']}" in answer.json()["message"]


def test_bundle_in_one_request_with_the_key_of_an_upload_in_progress_is_refused(
    server: Server, bundle: bytes, key: str
) -> None:
    post(server, len(bundle), bundle[:MIB], Idempotency_Key=key)
    answer = requests.post(f"{server.url}/ingest", data=bundle, headers={"Idempotency-Key": key}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_in_use")
