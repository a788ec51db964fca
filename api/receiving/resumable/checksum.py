"""Compare the body of a request with the checksums in its headers.

`Upload-Checksum` is that of tus (extension `checksum`), `Content-Digest` that of RFC 9530.
"""

import base64
import hashlib
from dataclasses import dataclass

from flask import request

from api.receiving.digests import CONTENT_DIGEST, declared_digests
from api.receiving.resumable.errors import ChecksumMismatch, UploadHeaderInvalid
from api.receiving.upload_errors import DigestMismatch
from api.request_errors import RequestError
from ingest.spool import Readable

UPLOAD_CHECKSUM = "Upload-Checksum"
# The names of tus are those of hashlib.
ALGORITHMS = ("sha1", "sha256", "md5")


@dataclass(frozen=True)
class Checksum:
    """An expected checksum: the header that names it, its algorithm by hashlib's name, the digest, and the error."""

    header: str
    algorithm: str
    digest: bytes
    mismatch: type[RequestError]


class CheckedBody:
    """A body whose end is read only if all of it has the expected checksums."""

    def __init__(self, body: Readable, checksums: tuple[Checksum, ...]) -> None:
        self._body = body
        self._hashes = [(each, hashlib.new(each.algorithm, usedforsecurity=False)) for each in checksums]

    def read(self, size: int, /) -> bytes | bytearray:
        """Return at most `size` bytes; raises ChecksumMismatch or DigestMismatch at the end, and the errors of the body."""
        block = self._body.read(size)
        for expected, found in self._hashes:
            found.update(block)
            if not block and found.digest() != expected.digest:
                raise expected.mismatch(
                    f"the body does not have the digest of its header {expected.header}; send it again"
                )
        return block


def checksums() -> tuple[Checksum, ...]:
    """Return the checksums of the current request's body; raises UploadHeaderInvalid, DigestInvalid."""
    declared = (
        Checksum(CONTENT_DIGEST, each.algorithm.replace("-", ""), each.value, DigestMismatch)
        for each in declared_digests(request.headers, CONTENT_DIGEST)
    )
    return (*_upload_checksum(), *declared)


def _upload_checksum() -> tuple[Checksum, ...]:
    header = request.headers.get(UPLOAD_CHECKSUM)
    if header is None:
        return ()
    algorithm, _, encoded = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise UploadHeaderInvalid(f"{UPLOAD_CHECKSUM}: the algorithm must be one of {', '.join(ALGORITHMS)}")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except ValueError:
        # Also for characters that are not ASCII.
        digest = b""
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise UploadHeaderInvalid(f"{UPLOAD_CHECKSUM}: send {algorithm}, a space, and the digest in base64")
    return (Checksum(UPLOAD_CHECKSUM, algorithm, digest, ChecksumMismatch),)
