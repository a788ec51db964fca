"""The first inputs of the fuzz target `headers`: what clients of both protocols send. Called by the runner."""

import base64
import hashlib
from collections.abc import Iterator, Mapping

TUS = {"Tus-Resumable": "1.0.0"}
TUS_PART = {**TUS, "Content-Type": "application/offset+octet-stream", "Content-Length": "5"}
DRAFT_PART = {"Content-Type": "application/partial-upload", "Content-Length": "5", "Upload-Offset": "7"}


def requests() -> Iterator[bytes]:
    """Yield the headers of requests, one a line."""
    sha1, sha256, sha512 = (_base64(name) for name in ("sha1", "sha256", "sha512"))
    yield _lines({**TUS, "Upload-Length": "12", "Upload-Metadata": "filename YS50YXI=,is_confidential"})
    yield _lines({**TUS_PART, "Upload-Defer-Length": "1", "Upload-Checksum": f"sha1 {sha1}"})
    yield _lines({**TUS_PART, "Upload-Offset": "7", "Upload-Length": "12", "Upload-Checksum": f"sha256 {sha256}"})
    yield _lines({"Upload-Complete": "?0", "Upload-Length": "12", "Upload-Draft-Interop-Version": "8"})
    yield _lines({"Upload-Complete": "?1", "Content-Length": "5", "Repr-Digest": f"sha-256=:{sha256}:"})
    yield _lines({**DRAFT_PART, "Upload-Complete": "?1", "Want-Repr-Digest": "sha-256=3, sha-512=10, md5=0"})
    yield _lines({**DRAFT_PART, "Upload-Complete": "?0", "Content-Digest": f"sha-512=:{sha512}:, md5=:AAAA:"})
    yield _lines({**TUS, "Upload-Length": "12", "Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'})


def _base64(algorithm: str) -> str:
    return base64.b64encode(hashlib.new(algorithm, b"12345", usedforsecurity=False).digest()).decode()


def _lines(headers: Mapping[str, str]) -> bytes:
    return "\n".join(f"{name}: {value}" for name, value in headers.items()).encode()
