"""Parts with `Upload-Checksum`, as tus 1.0.0 defines it."""

import base64
import hashlib

import pytest

from tests.api.live_server import Server
from tests.api.receiving.resumable.conftest import MIB
from tests.api.receiving.resumable.tus_client import create


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


@pytest.mark.parametrize("value", ["crc32 AAAA", "sha1", "sha1 not-base64", "sha1 AAAA", "sha1 \xe4"])
def test_malformed_checksum_is_refused(server: Server, value: str) -> None:
    upload = create(server, 10)
    answer = upload.patch(b"12345", 0, Upload_Checksum=value)
    assert (answer.status_code, answer.json()["code"]) == (400, "upload_header_invalid")
    assert upload.offset() == 0


def checksum(algorithm: str, part: bytes) -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, part).digest()).decode()}"
